SELECT
  `t1`.`customer_id`,
  SUM(`t1`.`social_actions`) AS `social_actions_90d`
FROM (
  SELECT
    `t0`.`customer_id`,
    `t0`.`day`,
    `t0`.`social_actions`
  FROM `activity_daily` AS `t0`
  WHERE
    `t0`.`day` <= DATE(2026, 11, 15) AND `t0`.`day` > DATE(2026, 8, 17)
) AS `t1`
GROUP BY
  1
