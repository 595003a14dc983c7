SELECT
  `t4`.`customer_id`,
  `t4`.`order_id`,
  COALESCE(MIN(IF(`t4`.`lines` > 0, `t4`.`day`, CAST(NULL AS DATE))), MIN(`t4`.`day`)) AS `day`,
  SUM(`t4`.`revenue`) AS `revenue`,
  SUM(`t4`.`margin`) AS `margin`,
  SUM(`t4`.`discount`) AS `discount`,
  SUM(`t4`.`quantity`) AS `quantity`,
  SUM(`t4`.`lines`) AS `lines`,
  SUM(`t4`.`refund_value`) AS `refund_value`
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `orders` AS `t0`
  ) AS `t2`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `new_orders` AS `t1`
  ) AS `t3`
) AS `t4`
GROUP BY
  1,
  2
