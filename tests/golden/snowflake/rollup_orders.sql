SELECT
  "t1"."customer_id",
  "t1"."order_id",
  COALESCE(
    MIN(IFF("t1"."kind" = 'purchase', "t1"."day", CAST(NULL AS DATE))),
    MIN("t1"."day")
  ) AS "day",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."value", NULL)), 0.0) AS "revenue",
  SUM(IFF("t1"."kind" = 'purchase', "t1"."margin", NULL)) AS "margin",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."discount", NULL)), 0.0) AS "discount",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."quantity", NULL)), 0.0) AS "quantity",
  CAST(COALESCE(COUNT_IF("t1"."kind" = 'purchase'), 0) AS DOUBLE) AS "lines",
  COALESCE(SUM(IFF("t1"."kind" = 'refund', "t1"."value", NULL)), 0.0) AS "refund_value"
FROM (
  SELECT
    "t0"."source",
    "t0"."event_id",
    "t0"."customer_id",
    "t0"."occurred_at",
    "t0"."kind",
    "t0"."value",
    "t0"."margin",
    COALESCE("t0"."order_id", CONCAT(CONCAT("t0"."source", '/'), "t0"."event_id")) AS "order_id",
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
    (
      "t0"."kind" = 'purchase'
    )
    OR (
      (
        "t0"."kind" = 'refund'
      ) AND (
        "t0"."order_id" IS NOT NULL
      )
    )
) AS "t1"
GROUP BY
  1,
  2
