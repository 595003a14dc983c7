SELECT
  `t1`.`customer_id`,
  `t1`.`category`,
  `t1`.`day`,
  CAST(COALESCE(COUNTIF(`t1`.`kind` IS NOT NULL), 0) AS FLOAT64) AS `interactions`,
  COALESCE(SUM(IF(`t1`.`kind` = 'purchase', `t1`.`value`, NULL)), 0.0) AS `revenue`
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
    `t0`.`category` IS NOT NULL
) AS `t1`
GROUP BY
  1,
  2,
  3
