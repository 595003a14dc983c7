SELECT
  `t1`.`customer_id`,
  SUM(`t1`.`service_contacts`) AS `service_contacts_90d`
FROM (
  SELECT
    `t0`.`customer_id`,
    `t0`.`day`,
    `t0`.`service_contacts`
  FROM `activity_daily` AS `t0`
  WHERE
    `t0`.`day` <= MAKE_DATE(2026, 11, 15) AND `t0`.`day` > MAKE_DATE(2026, 8, 17)
) AS `t1`
GROUP BY
  1
