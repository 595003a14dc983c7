SELECT
  `t1`.`customer_id`,
  `t1`.`day`,
  SUM(CAST(IF(`t1`.`kind` IS NOT NULL, 1, 0) AS FLOAT64)) AS `events`,
  SUM(CAST(IF(`t1`.`kind` IN ('page_view'), 1, 0) AS FLOAT64)) AS `page_views`,
  SUM(CAST(IF(`t1`.`kind` IN ('product_view'), 1, 0) AS FLOAT64)) AS `product_views`,
  SUM(CAST(IF(`t1`.`kind` IN ('search'), 1, 0) AS FLOAT64)) AS `searches`,
  SUM(CAST(IF(`t1`.`kind` IN ('add_to_cart'), 1, 0) AS FLOAT64)) AS `carts`,
  SUM(CAST(IF(`t1`.`kind` IN ('checkout'), 1, 0) AS FLOAT64)) AS `checkouts`,
  SUM(CAST(IF(`t1`.`kind` IN ('purchase'), 1, 0) AS FLOAT64)) AS `purchases`,
  SUM(CAST(IF(`t1`.`kind` IN ('refund'), 1, 0) AS FLOAT64)) AS `refunds`,
  SUM(CAST(IF(`t1`.`kind` IN ('email_sent'), 1, 0) AS FLOAT64)) AS `emails_sent`,
  SUM(CAST(IF(`t1`.`kind` IN ('email_open'), 1, 0) AS FLOAT64)) AS `emails_opened`,
  SUM(CAST(IF(`t1`.`kind` IN ('email_click'), 1, 0) AS FLOAT64)) AS `emails_clicked`,
  SUM(CAST(IF(`t1`.`kind` IN ('email_unsubscribe'), 1, 0) AS FLOAT64)) AS `unsubscribes`,
  SUM(CAST(IF(`t1`.`kind` IN ('push_open'), 1, 0) AS FLOAT64)) AS `pushes_opened`,
  SUM(CAST(IF(`t1`.`kind` IN ('ad_impression'), 1, 0) AS FLOAT64)) AS `ads_seen`,
  SUM(CAST(IF(`t1`.`kind` IN ('ad_click'), 1, 0) AS FLOAT64)) AS `ads_clicked`,
  SUM(CAST(IF(`t1`.`kind` IN ('review', 'like', 'share', 'comment'), 1, 0) AS FLOAT64)) AS `social_actions`,
  SUM(CAST(IF(`t1`.`kind` IN ('support_ticket', 'complaint'), 1, 0) AS FLOAT64)) AS `service_contacts`,
  SUM(CAST(IF(`t1`.`kind` IN ('store_visit'), 1, 0) AS FLOAT64)) AS `store_visits`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`value`, CAST(NULL AS FLOAT64))), 0.0) AS `revenue`,
  SUM(IF(`t1`.`kind` = 'purchase', `t1`.`margin`, CAST(NULL AS FLOAT64))) AS `margin`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`discount`, CAST(NULL AS FLOAT64))), 0.0) AS `discount`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`quantity`, CAST(NULL AS FLOAT64))), 0.0) AS `quantity`,
  COALESCE(SUM(IF(`t1`.`kind` = 'refund', `t1`.`value`, CAST(NULL AS FLOAT64))), 0.0) AS `refund_value`,
  SUM(
    CAST(IF(
      NOT (
        `t1`.`kind` IN (
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
    ) AS FLOAT64)
  ) AS `other`,
  SUM(CAST(IF(`t1`.`device` IS NOT NULL, 1, 0) AS FLOAT64)) AS `device_events`,
  SUM(
    CAST(IF(`t1`.`device` IN ('mobile', 'phone', 'smartphone', 'tablet'), 1, 0) AS FLOAT64)
  ) AS `mobile_events`,
  SUM(CAST(IF(`t1`.`channel` IS NOT NULL, 1, 0) AS FLOAT64)) AS `channel_events`,
  SUM(CAST(IF(`t1`.`channel` = 'app', 1, 0) AS FLOAT64)) AS `app_events`,
  SUM(CAST(IF(`t1`.`channel` = 'store', 1, 0) AS FLOAT64)) AS `store_events`
FROM (
  SELECT
    `t0`.`source`,
    `t0`.`event_id`,
    `t0`.`customer_id`,
    `t0`.`occurred_at`,
    `t0`.`kind`,
    `t0`.`value`,
    `t0`.`margin`,
    `t0`.`order_id`,
    `t0`.`quantity`,
    `t0`.`discount`,
    `t0`.`category`,
    `t0`.`session_id`,
    `t0`.`duration_s`,
    `t0`.`device`,
    `t0`.`channel`,
    `t0`.`campaign_id`,
    `t0`.`link_id`,
    IF(
      `t0`.`occurred_at` >= TIMESTAMP('2026-10-25T01:00:00+00:00'),
      DATE(TIMESTAMP_ADD(`t0`.`occurred_at`, INTERVAL '3600' SECOND)),
      IF(
        `t0`.`occurred_at` >= TIMESTAMP('2026-03-29T01:00:00+00:00'),
        DATE(TIMESTAMP_ADD(`t0`.`occurred_at`, INTERVAL '7200' SECOND)),
        DATE(TIMESTAMP_ADD(`t0`.`occurred_at`, INTERVAL '3600' SECOND))
      )
    ) AS `day`
  FROM `events` AS `t0`
) AS `t1`
GROUP BY
  1,
  2
