SELECT
  `t18`.*
  EXCEPT (`customer_id_right`)
FROM (
  SELECT
    `t17`.`customer_id`,
    `t17`.`active_days_90d`,
    `t17`.`orders_30d`,
    `t17`.`orders_90d`,
    `t17`.`orders_180d`,
    `t17`.`orders_lifetime`,
    `t10`.`customer_id` AS `customer_id_right`,
    `t10`.`visits_7d`,
    `t10`.`visits_30d`,
    `t10`.`visits_90d`,
    `t10`.`visits_180d`
  FROM (
    SELECT
      `t15`.*
      EXCEPT (`customer_id_right`)
    FROM (
      SELECT
        `t14`.`customer_id`,
        `t14`.`active_days_90d`,
        `t12`.`customer_id` AS `customer_id_right`,
        `t12`.`orders_30d`,
        `t12`.`orders_90d`,
        `t12`.`orders_180d`,
        `t12`.`orders_lifetime`
      FROM (
        SELECT
          *
        FROM (
          SELECT
            `t4`.`customer_id`,
            CAST(COALESCE(
              COUNTIF(
                (
                  (
                    (
                      `t4`.`events` - `t4`.`emails_sent`
                    ) - `t4`.`ads_seen`
                  ) > 0
                )
                AND (
                  `t4`.`day` > DATE(2026, 8, 17)
                )
              ),
              0
            ) AS FLOAT64) AS `active_days_90d`
          FROM (
            SELECT
              *
            FROM `activity_daily` AS `t1`
            WHERE
              `t1`.`day` <= DATE(2026, 11, 15)
          ) AS `t4`
          GROUP BY
            1
        ) AS `t11`
      ) AS `t14`
      LEFT OUTER JOIN (
        SELECT
          *
        FROM (
          SELECT
            `t5`.`customer_id`,
            CAST(COALESCE(COUNTIF(`t5`.`day` > DATE(2026, 10, 16)), 0) AS FLOAT64) AS `orders_30d`,
            CAST(COALESCE(COUNTIF(`t5`.`day` > DATE(2026, 8, 17)), 0) AS FLOAT64) AS `orders_90d`,
            CAST(COALESCE(COUNTIF(`t5`.`day` > DATE(2026, 5, 19)), 0) AS FLOAT64) AS `orders_180d`,
            CAST(COUNT(*) AS FLOAT64) AS `orders_lifetime`
          FROM (
            SELECT
              *
            FROM `orders` AS `t2`
            WHERE
              `t2`.`lines` > 0 AND `t2`.`day` <= DATE(2026, 11, 15)
          ) AS `t5`
          GROUP BY
            1
        ) AS `t7`
      ) AS `t12`
        ON `t14`.`customer_id` = `t12`.`customer_id`
    ) AS `t15`
  ) AS `t17`
  LEFT OUTER JOIN (
    SELECT
      *
    FROM (
      SELECT
        `t3`.`customer_id`,
        CAST(COALESCE(COUNTIF(`t3`.`day` > DATE(2026, 11, 8)), 0) AS FLOAT64) AS `visits_7d`,
        CAST(COALESCE(COUNTIF(`t3`.`day` > DATE(2026, 10, 16)), 0) AS FLOAT64) AS `visits_30d`,
        CAST(COALESCE(COUNTIF(`t3`.`day` > DATE(2026, 8, 17)), 0) AS FLOAT64) AS `visits_90d`,
        CAST(COALESCE(COUNTIF(`t3`.`day` > DATE(2026, 5, 19)), 0) AS FLOAT64) AS `visits_180d`
      FROM (
        SELECT
          *
        FROM `sessions` AS `t0`
        WHERE
          `t0`.`day` <= DATE(2026, 11, 15)
      ) AS `t3`
      GROUP BY
        1
    ) AS `t6`
  ) AS `t10`
    ON `t17`.`customer_id` = `t10`.`customer_id`
) AS `t18`
