SELECT
  `t2`.`customer_id`,
  `t2`.`session_id`,
  `t2`.`day`,
  `t2`.`duration_s`,
  `t2`.`events`,
  `t2`.`page_views`,
  `t2`.`product_views`,
  `t2`.`carts`,
  `t2`.`checkouts`,
  `t2`.`purchases`,
  `t2`.`events` = 1.0 AS `bounced`
FROM (
  SELECT
    `t1`.`customer_id`,
    `t1`.`session_id`,
    MIN(`t1`.`day`) AS `day`,
    MAX(`t1`.`duration_s`) AS `duration_s`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` <> 'session'), 0) AS FLOAT64) AS `events`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` = 'page_view'), 0) AS FLOAT64) AS `page_views`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` = 'product_view'), 0) AS FLOAT64) AS `product_views`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` = 'add_to_cart'), 0) AS FLOAT64) AS `carts`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` = 'checkout'), 0) AS FLOAT64) AS `checkouts`,
    CAST(COALESCE(COUNTIF(`t1`.`kind` = 'purchase'), 0) AS FLOAT64) AS `purchases`
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
    WHERE
      `t0`.`session_id` IS NOT NULL
  ) AS `t1`
  GROUP BY
    1,
    2
) AS `t2`
