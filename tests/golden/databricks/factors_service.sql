SELECT
  *
FROM (
  SELECT
    `t1`.`customer_id`,
    COALESCE(SUM(IF(`t1`.`day` > MAKE_DATE(2026, 8, 17), `t1`.`service_contacts`, NULL)), 0.0) AS `service_contacts_90d`
  FROM (
    SELECT
      *
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= MAKE_DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
) AS `t2`
