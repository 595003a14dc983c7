SELECT
  `t1`.`customer_id`,
  `t1`.`day`,
  CAST(COALESCE(SUM(CAST(`t1`.`kind` IS NOT NULL AS BIGINT)), 0) AS DOUBLE) AS `events`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 0 AS BIGINT)), 0) AS DOUBLE) AS `page_views`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 1 AS BIGINT)), 0) AS DOUBLE) AS `product_views`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 2 AS BIGINT)), 0) AS DOUBLE) AS `searches`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 3 AS BIGINT)), 0) AS DOUBLE) AS `carts`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 4 AS BIGINT)), 0) AS DOUBLE) AS `checkouts`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 5 AS BIGINT)), 0) AS DOUBLE) AS `purchases`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 6 AS BIGINT)), 0) AS DOUBLE) AS `refunds`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 7 AS BIGINT)), 0) AS DOUBLE) AS `emails_sent`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 8 AS BIGINT)), 0) AS DOUBLE) AS `emails_opened`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 9 AS BIGINT)), 0) AS DOUBLE) AS `emails_clicked`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 10 AS BIGINT)), 0) AS DOUBLE) AS `unsubscribes`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 11 AS BIGINT)), 0) AS DOUBLE) AS `pushes_opened`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 12 AS BIGINT)), 0) AS DOUBLE) AS `ads_seen`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 13 AS BIGINT)), 0) AS DOUBLE) AS `ads_clicked`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 14 AS BIGINT)), 0) AS DOUBLE) AS `social_actions`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 15 AS BIGINT)), 0) AS DOUBLE) AS `service_contacts`,
  CAST(COALESCE(SUM(CAST(`t1`.`place` = 16 AS BIGINT)), 0) AS DOUBLE) AS `store_visits`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`value`, NULL)), 0.0) AS `revenue`,
  SUM(IF(`t1`.`kind` = 'purchase', `t1`.`margin`, NULL)) AS `margin`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`discount`, NULL)), 0.0) AS `discount`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`quantity`, NULL)), 0.0) AS `quantity`,
  COALESCE(SUM(IF(`t1`.`kind` = 'refund', `t1`.`value`, NULL)), 0.0) AS `refund_value`,
  CAST(COALESCE(SUM(CAST((
    `t1`.`place` = 17
  ) AND (
    `t1`.`kind` IS NOT NULL
  ) AS BIGINT)), 0) AS DOUBLE) AS `other`,
  CAST(COALESCE(SUM(CAST(`t1`.`device` IS NOT NULL AS BIGINT)), 0) AS DOUBLE) AS `device_events`,
  CAST(COALESCE(
    SUM(CAST(`t1`.`device` IN ('mobile', 'phone', 'smartphone', 'tablet') AS BIGINT)),
    0
  ) AS DOUBLE) AS `mobile_events`,
  CAST(COALESCE(SUM(CAST(`t1`.`channel` IS NOT NULL AS BIGINT)), 0) AS DOUBLE) AS `channel_events`,
  CAST(COALESCE(SUM(CAST(`t1`.`channel` = 'app' AS BIGINT)), 0) AS DOUBLE) AS `app_events`,
  CAST(COALESCE(SUM(CAST(`t1`.`channel` = 'store' AS BIGINT)), 0) AS DOUBLE) AS `store_events`
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
      `t0`.`occurred_at` >= CAST('2026-10-25T01:00:00+00:00' AS TIMESTAMP),
      CAST(`t0`.`occurred_at` + INTERVAL '3600' SECOND AS DATE),
      IF(
        `t0`.`occurred_at` >= CAST('2026-03-29T01:00:00+00:00' AS TIMESTAMP),
        CAST(`t0`.`occurred_at` + INTERVAL '7200' SECOND AS DATE),
        CAST(`t0`.`occurred_at` + INTERVAL '3600' SECOND AS DATE)
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
