SELECT
  `t2`.`customer_id`,
  -(
    DATEDIFF(DAY, MAKE_DATE(2026, 11, 15), `t2`.`last_active`)
  ) AS `days_since_last_activity`,
  -(
    DATEDIFF(DAY, MAKE_DATE(2026, 11, 15), `t2`.`last_purchase`)
  ) AS `days_since_last_purchase`,
  -(
    DATEDIFF(DAY, MAKE_DATE(2026, 11, 15), `t2`.`first_active`)
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
      `t0`.`day` <= MAKE_DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
) AS `t2`
