SELECT
  `t1`.`customer_id`,
  `t1`.`day`,
  CAST(COALESCE(COUNTIF(`t1`.`kind` IS NOT NULL), 0) AS FLOAT64) AS `events`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 0), 0) AS FLOAT64) AS `page_views`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 1), 0) AS FLOAT64) AS `product_views`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 2), 0) AS FLOAT64) AS `searches`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 3), 0) AS FLOAT64) AS `carts`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 4), 0) AS FLOAT64) AS `checkouts`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 5), 0) AS FLOAT64) AS `purchases`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 6), 0) AS FLOAT64) AS `refunds`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 7), 0) AS FLOAT64) AS `emails_sent`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 8), 0) AS FLOAT64) AS `emails_opened`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 9), 0) AS FLOAT64) AS `emails_clicked`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 10), 0) AS FLOAT64) AS `unsubscribes`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 11), 0) AS FLOAT64) AS `pushes_opened`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 12), 0) AS FLOAT64) AS `ads_seen`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 13), 0) AS FLOAT64) AS `ads_clicked`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 14), 0) AS FLOAT64) AS `social_actions`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 15), 0) AS FLOAT64) AS `service_contacts`,
  CAST(COALESCE(COUNTIF(`t1`.`place` = 16), 0) AS FLOAT64) AS `store_visits`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`value`, NULL)), 0.0) AS `revenue`,
  SUM(IF(`t1`.`kind` = 'purchase', `t1`.`margin`, NULL)) AS `margin`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`discount`, NULL)), 0.0) AS `discount`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`quantity`, NULL)), 0.0) AS `quantity`,
  COALESCE(SUM(IF(`t1`.`kind` = 'refund', `t1`.`value`, NULL)), 0.0) AS `refund_value`,
  CAST(COALESCE(COUNTIF((
    `t1`.`place` = 17
  ) AND (
    `t1`.`kind` IS NOT NULL
  )), 0) AS FLOAT64) AS `other`,
  CAST(COALESCE(COUNTIF(`t1`.`device` IS NOT NULL), 0) AS FLOAT64) AS `device_events`,
  CAST(COALESCE(COUNTIF(`t1`.`device` IN ('mobile', 'phone', 'smartphone', 'tablet')), 0) AS FLOAT64) AS `mobile_events`,
  CAST(COALESCE(COUNTIF(`t1`.`channel` IS NOT NULL), 0) AS FLOAT64) AS `channel_events`,
  CAST(COALESCE(COUNTIF(`t1`.`channel` = 'app'), 0) AS FLOAT64) AS `app_events`,
  CAST(COALESCE(COUNTIF(`t1`.`channel` = 'store'), 0) AS FLOAT64) AS `store_events`
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
    ) AS `day`,
    CASE `t0`.`kind`
      WHEN 'page_view'
      THEN 0
      WHEN 'product_view'
      THEN 1
      WHEN 'search'
      THEN 2
      WHEN 'add_to_cart'
      THEN 3
      WHEN 'checkout'
      THEN 4
      WHEN 'purchase'
      THEN 5
      WHEN 'refund'
      THEN 6
      WHEN 'email_sent'
      THEN 7
      WHEN 'email_open'
      THEN 8
      WHEN 'email_click'
      THEN 9
      WHEN 'email_unsubscribe'
      THEN 10
      WHEN 'push_open'
      THEN 11
      WHEN 'ad_impression'
      THEN 12
      WHEN 'ad_click'
      THEN 13
      WHEN 'review'
      THEN 14
      WHEN 'like'
      THEN 14
      WHEN 'share'
      THEN 14
      WHEN 'comment'
      THEN 14
      WHEN 'support_ticket'
      THEN 15
      WHEN 'complaint'
      THEN 15
      WHEN 'store_visit'
      THEN 16
      ELSE 17
    END AS `place`
  FROM `events` AS `t0`
) AS `t1`
GROUP BY
  1,
  2
