SELECT
  "t2"."customer_id",
  "t2"."session_id",
  "t2"."day",
  "t2"."duration_s",
  "t2"."events",
  "t2"."page_views",
  "t2"."product_views",
  "t2"."carts",
  "t2"."checkouts",
  "t2"."purchases",
  "t2"."events" = 1.0 AS "bounced"
FROM (
  SELECT
    "t1"."customer_id",
    "t1"."session_id",
    MIN("t1"."day") AS "day",
    MAX("t1"."duration_s") AS "duration_s",
    CAST(COALESCE(COUNT_IF("t1"."kind" <> 'session'), 0) AS DOUBLE) AS "events",
    CAST(COALESCE(COUNT_IF("t1"."kind" = 'page_view'), 0) AS DOUBLE) AS "page_views",
    CAST(COALESCE(COUNT_IF("t1"."kind" = 'product_view'), 0) AS DOUBLE) AS "product_views",
    CAST(COALESCE(COUNT_IF("t1"."kind" = 'add_to_cart'), 0) AS DOUBLE) AS "carts",
    CAST(COALESCE(COUNT_IF("t1"."kind" = 'checkout'), 0) AS DOUBLE) AS "checkouts",
    CAST(COALESCE(COUNT_IF("t1"."kind" = 'purchase'), 0) AS DOUBLE) AS "purchases"
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
      "t0"."session_id" IS NOT NULL
  ) AS "t1"
  GROUP BY
    1,
    2
) AS "t2"
