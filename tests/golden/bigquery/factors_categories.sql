SELECT
  `t3`.`customer_id`,
  `t3`.`category_breadth`,
  `t3`.`current`,
  `t3`.`novel`,
  ieee_divide(`t3`.`novel`, NULLIF(`t3`.`current`, 0.0)) AS `novelty_share`
FROM (
  SELECT
    `t2`.`customer_id`,
    CAST(SUM(IF(`t2`.`last` > DATE(2026, 5, 19), 1, 0)) AS FLOAT64) AS `category_breadth`,
    CAST(SUM(IF(`t2`.`last` > DATE(2026, 8, 17), 1, 0)) AS FLOAT64) AS `current`,
    CAST(SUM(IF(`t2`.`first` > DATE(2026, 8, 17), 1, 0)) AS FLOAT64) AS `novel`
  FROM (
    SELECT
      `t1`.`customer_id`,
      `t1`.`category`,
      MIN(`t1`.`day`) AS `first`,
      MAX(`t1`.`day`) AS `last`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`day`,
        `t0`.`category`
      FROM `categories_daily` AS `t0`
      WHERE
        `t0`.`day` <= DATE(2026, 11, 15)
    ) AS `t1`
    GROUP BY
      1,
      2
  ) AS `t2`
  GROUP BY
    1
) AS `t3`
