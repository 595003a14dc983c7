SELECT
  "t1"."customer_id",
  "t1"."category",
  "t1"."day",
  CAST(COALESCE(COUNT_IF("t1"."kind" IS NOT NULL), 0) AS DOUBLE) AS "interactions",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."value", NULL)), 0.0) AS "revenue"
FROM (
  SELECT
    "t0"."source",
    "t0"."event_id",
    "t0"."customer_id",
    "t0"."occurred_at",
    "t0"."kind",
    "t0"."value",
    "t0"."margin",
    "t0"."order_id",
    "t0"."quantity",
    "t0"."discount",
    "t0"."category",
    "t0"."session_id",
    "t0"."duration_s",
    "t0"."device",
    "t0"."channel",
    "t0"."campaign_id",
    "t0"."link_id",
    IFF(
      "t0"."occurred_at" >= TIMESTAMP_TZ_FROM_PARTS(2026, 10, 25, 1, 0, 0, 0, 'UTC'),
      TO_DATE(DATEADD(SECOND, '3600', "t0"."occurred_at")),
      IFF(
        "t0"."occurred_at" >= TIMESTAMP_TZ_FROM_PARTS(2026, 3, 29, 1, 0, 0, 0, 'UTC'),
        TO_DATE(DATEADD(SECOND, '7200', "t0"."occurred_at")),
        TO_DATE(DATEADD(SECOND, '3600', "t0"."occurred_at"))
      )
    ) AS "day"
  FROM "events" AS "t0"
  WHERE
    "t0"."category" IS NOT NULL
) AS "t1"
GROUP BY
  1,
  2,
  3
