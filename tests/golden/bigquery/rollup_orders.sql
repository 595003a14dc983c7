SELECT
  `t1`.`customer_id`,
  `t1`.`order_id`,
  COALESCE(MIN(IF(`t1`.`kind` = 'purchase', `t1`.`day`, CAST(NULL AS DATE))), MIN(`t1`.`day`)) AS `day`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`value`, NULL)), 0.0) AS `revenue`,
  SUM(IF(`t1`.`kind` = 'purchase', `t1`.`margin`, NULL)) AS `margin`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`discount`, NULL)), 0.0) AS `discount`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`quantity`, NULL)), 0.0) AS `quantity`,
  CAST(COALESCE(COUNTIF(`t1`.`kind` = 'purchase'), 0) AS FLOAT64) AS `lines`,
  COALESCE(SUM(IF(`t1`.`kind` = 'refund', `t1`.`value`, NULL)), 0.0) AS `refund_value`
FROM (
  SELECT
    `t0`.`source`,
    `t0`.`event_id`,
    `t0`.`customer_id`,
    `t0`.`occurred_at`,
    `t0`.`kind`,
    `t0`.`value`,
    `t0`.`margin`,
    COALESCE(`t0`.`order_id`, CONCAT(CONCAT(`t0`.`source`, '/'), `t0`.`event_id`)) AS `order_id`,
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
  WHERE
    (
      `t0`.`kind` = 'purchase'
    )
    OR (
      (
        `t0`.`kind` = 'refund'
      ) AND (
        `t0`.`order_id` IS NOT NULL
      )
    )
) AS `t1`
GROUP BY
  1,
  2
