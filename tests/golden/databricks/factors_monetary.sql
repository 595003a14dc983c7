SELECT
  `t2`.`customer_id`,
  `t2`.`revenue_30d`,
  `t2`.`revenue_90d`,
  `t2`.`revenue_180d`,
  `t2`.`revenue_lifetime`,
  TRY_DIVIDE(`t2`.`revenue_lifetime`, NULLIF(`t2`.`orders_paid`, 0.0)) AS `aov`,
  TRY_DIVIDE(NULLIF(`t2`.`pieces`, 0.0), NULLIF(`t2`.`orders_paid`, 0.0)) AS `basket_size`
FROM (
  SELECT
    `t1`.`customer_id`,
    COALESCE(SUM(IF(`t1`.`day` > MAKE_DATE(2026, 10, 16), `t1`.`revenue`, NULL)), 0.0) AS `revenue_30d`,
    COALESCE(SUM(IF(`t1`.`day` > MAKE_DATE(2026, 8, 17), `t1`.`revenue`, NULL)), 0.0) AS `revenue_90d`,
    COALESCE(SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`revenue`, NULL)), 0.0) AS `revenue_180d`,
    SUM(`t1`.`revenue`) AS `revenue_lifetime`,
    CAST(COUNT(*) AS DOUBLE) AS `orders_paid`,
    SUM(`t1`.`quantity`) AS `pieces`
  FROM (
    SELECT
      *
    FROM `orders` AS `t0`
    WHERE
      `t0`.`lines` > 0 AND `t0`.`day` <= MAKE_DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
) AS `t2`
