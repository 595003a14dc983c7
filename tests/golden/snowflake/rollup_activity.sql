SELECT
  "t1"."customer_id",
  "t1"."day",
  SUM(CAST(IFF("t1"."kind" IS NOT NULL, 1, 0) AS DOUBLE)) AS "events",
  SUM(CAST(IFF("t1"."kind" IN ('page_view'), 1, 0) AS DOUBLE)) AS "page_views",
  SUM(CAST(IFF("t1"."kind" IN ('product_view'), 1, 0) AS DOUBLE)) AS "product_views",
  SUM(CAST(IFF("t1"."kind" IN ('search'), 1, 0) AS DOUBLE)) AS "searches",
  SUM(CAST(IFF("t1"."kind" IN ('add_to_cart'), 1, 0) AS DOUBLE)) AS "carts",
  SUM(CAST(IFF("t1"."kind" IN ('checkout'), 1, 0) AS DOUBLE)) AS "checkouts",
  SUM(CAST(IFF("t1"."kind" IN ('purchase'), 1, 0) AS DOUBLE)) AS "purchases",
  SUM(CAST(IFF("t1"."kind" IN ('refund'), 1, 0) AS DOUBLE)) AS "refunds",
  SUM(CAST(IFF("t1"."kind" IN ('email_sent'), 1, 0) AS DOUBLE)) AS "emails_sent",
  SUM(CAST(IFF("t1"."kind" IN ('email_open'), 1, 0) AS DOUBLE)) AS "emails_opened",
  SUM(CAST(IFF("t1"."kind" IN ('email_click'), 1, 0) AS DOUBLE)) AS "emails_clicked",
  SUM(CAST(IFF("t1"."kind" IN ('email_unsubscribe'), 1, 0) AS DOUBLE)) AS "unsubscribes",
  SUM(CAST(IFF("t1"."kind" IN ('push_open'), 1, 0) AS DOUBLE)) AS "pushes_opened",
  SUM(CAST(IFF("t1"."kind" IN ('ad_impression'), 1, 0) AS DOUBLE)) AS "ads_seen",
  SUM(CAST(IFF("t1"."kind" IN ('ad_click'), 1, 0) AS DOUBLE)) AS "ads_clicked",
  SUM(CAST(IFF("t1"."kind" IN ('review', 'like', 'share', 'comment'), 1, 0) AS DOUBLE)) AS "social_actions",
  SUM(CAST(IFF("t1"."kind" IN ('support_ticket', 'complaint'), 1, 0) AS DOUBLE)) AS "service_contacts",
  SUM(CAST(IFF("t1"."kind" IN ('store_visit'), 1, 0) AS DOUBLE)) AS "store_visits",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."value", CAST(NULL AS DOUBLE))), 0.0) AS "revenue",
  SUM(IFF("t1"."kind" = 'purchase', "t1"."margin", CAST(NULL AS DOUBLE))) AS "margin",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."discount", CAST(NULL AS DOUBLE))), 0.0) AS "discount",
  COALESCE(SUM(IFF("t1"."kind" = 'purchase', "t1"."quantity", CAST(NULL AS DOUBLE))), 0.0) AS "quantity",
  COALESCE(SUM(IFF("t1"."kind" = 'refund', "t1"."value", CAST(NULL AS DOUBLE))), 0.0) AS "refund_value",
  SUM(
    CAST(IFF(
      NOT (
        "t1"."kind" IN (
          'page_view',
          'product_view',
          'search',
          'add_to_cart',
          'checkout',
          'purchase',
          'refund',
          'email_sent',
          'email_open',
          'email_click',
          'email_unsubscribe',
          'push_open',
          'ad_impression',
          'ad_click',
          'review',
          'like',
          'share',
          'comment',
          'support_ticket',
          'complaint',
          'store_visit'
        )
      ),
      1,
      0
    ) AS DOUBLE)
  ) AS "other",
  SUM(CAST(IFF("t1"."device" IS NOT NULL, 1, 0) AS DOUBLE)) AS "device_events",
  SUM(
    CAST(IFF("t1"."device" IN ('mobile', 'phone', 'smartphone', 'tablet'), 1, 0) AS DOUBLE)
  ) AS "mobile_events",
  SUM(CAST(IFF("t1"."channel" IS NOT NULL, 1, 0) AS DOUBLE)) AS "channel_events",
  SUM(CAST(IFF("t1"."channel" = 'app', 1, 0) AS DOUBLE)) AS "app_events",
  SUM(CAST(IFF("t1"."channel" = 'store', 1, 0) AS DOUBLE)) AS "store_events"
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
) AS "t1"
GROUP BY
  1,
  2
