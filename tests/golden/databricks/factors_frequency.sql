SELECT
  `t8`.`customer_id`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 10, 16), `t8`.`orders`, 0.0)) AS `orders_30d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 8, 17), `t8`.`orders`, 0.0)) AS `orders_90d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 5, 19), `t8`.`orders`, 0.0)) AS `orders_180d`,
  SUM(`t8`.`orders`) AS `orders_lifetime`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 8, 17), `t8`.`active_days`, 0.0)) AS `active_days_90d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 11, 8), `t8`.`visits`, 0.0)) AS `visits_7d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 10, 16), `t8`.`visits`, 0.0)) AS `visits_30d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 8, 17), `t8`.`visits`, 0.0)) AS `visits_90d`,
  SUM(IF(`t8`.`day` > MAKE_DATE(2026, 5, 19), `t8`.`visits`, 0.0)) AS `visits_180d`
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`day`,
        0.0 AS `orders`,
        0.0 AS `visits`,
        1.0 AS `active_days`
      FROM `activity_daily` AS `t0`
      WHERE
        (
          (
            `t0`.`events` - `t0`.`emails_sent`
          ) - `t0`.`ads_seen`
        ) > 0
    ) AS `t6`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          `t1`.`customer_id`,
          `t1`.`day`,
          1.0 AS `orders`,
          0.0 AS `visits`,
          0.0 AS `active_days`
        FROM `orders` AS `t1`
        WHERE
          `t1`.`lines` > 0
      ) AS `t4`
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          `t2`.`customer_id`,
          `t2`.`day`,
          0.0 AS `orders`,
          1.0 AS `visits`,
          0.0 AS `active_days`
        FROM `sessions` AS `t2`
      ) AS `t3`
    ) AS `t5`
  ) AS `t7`
  WHERE
    `t7`.`day` <= MAKE_DATE(2026, 11, 15)
) AS `t8`
GROUP BY
  1
