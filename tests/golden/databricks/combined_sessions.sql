SELECT
  `t5`.`customer_id`,
  `t5`.`session_id`,
  `t5`.`day`,
  `t5`.`duration_s`,
  `t5`.`events`,
  `t5`.`page_views`,
  `t5`.`product_views`,
  `t5`.`carts`,
  `t5`.`checkouts`,
  `t5`.`purchases`,
  `t5`.`events` = 1.0 AS `bounced`
FROM (
  SELECT
    `t4`.`customer_id`,
    `t4`.`session_id`,
    MIN(`t4`.`day`) AS `day`,
    MAX(`t4`.`duration_s`) AS `duration_s`,
    SUM(`t4`.`events`) AS `events`,
    SUM(`t4`.`page_views`) AS `page_views`,
    SUM(`t4`.`product_views`) AS `product_views`,
    SUM(`t4`.`carts`) AS `carts`,
    SUM(`t4`.`checkouts`) AS `checkouts`,
    SUM(`t4`.`purchases`) AS `purchases`
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM `sessions` AS `t0`
    ) AS `t2`
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        *
      FROM `new_sessions` AS `t1`
    ) AS `t3`
  ) AS `t4`
  GROUP BY
    1,
    2
) AS `t5`
