SELECT
  `t2`.`customer_id`,
  -(
    DATE_DIFF(`t2`.`last_active`, DATE(2026, 11, 15), DAY)
  ) AS `days_since_last_activity`,
  -(
    DATE_DIFF(`t2`.`last_purchase`, DATE(2026, 11, 15), DAY)
  ) AS `days_since_last_purchase`,
  -(
    DATE_DIFF(`t2`.`first_active`, DATE(2026, 11, 15), DAY)
  ) AS `tenure_days`
FROM (
  SELECT
    `t1`.`customer_id`,
    MIN(
      IF(
        (
          (
            `t1`.`events` - `t1`.`emails_sent`
          ) - `t1`.`ads_seen`
        ) > 0,
        `t1`.`day`,
        NULL
      )
    ) AS `first_active`,
    MAX(
      IF(
        (
          (
            `t1`.`events` - `t1`.`emails_sent`
          ) - `t1`.`ads_seen`
        ) > 0,
        `t1`.`day`,
        NULL
      )
    ) AS `last_active`,
    MAX(IF(`t1`.`purchases` > 0, `t1`.`day`, NULL)) AS `last_purchase`
  FROM (
    SELECT
      *
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
) AS `t2`
