WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    ieee_divide(
      COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 10, 16), `t1`.`revenue`, NULL)), 0.0),
      30.0
    ) AS `revenue_recent`,
    ieee_divide(
      COALESCE(
        SUM(
          IF(
            (
              `t1`.`day` > DATE(2026, 7, 18)
            )
            AND NOT (
              `t1`.`day` > DATE(2026, 10, 16)
            ),
            `t1`.`revenue`,
            NULL
          )
        ),
        0.0
      ),
      90.0
    ) AS `revenue_before`,
    ieee_divide(
      CAST(COALESCE(
        COUNTIF(
          (
            `t1`.`day` > DATE(2026, 10, 16)
          )
          AND (
            (
              (
                `t1`.`events` - `t1`.`emails_sent`
              ) - `t1`.`ads_seen`
            ) > 0
          )
        ),
        0
      ) AS FLOAT64),
      30.0
    ) AS `activity_recent`,
    ieee_divide(
      CAST(COALESCE(
        COUNTIF(
          (
            `t1`.`day` > DATE(2026, 7, 18)
          )
          AND NOT (
            `t1`.`day` > DATE(2026, 10, 16)
          )
          AND (
            (
              (
                `t1`.`events` - `t1`.`emails_sent`
              ) - `t1`.`ads_seen`
            ) > 0
          )
        ),
        0
      ) AS FLOAT64),
      90.0
    ) AS `activity_before`,
    CAST(COALESCE(COUNTIF(`t1`.`day` > DATE(2026, 7, 18)), 0) AS FLOAT64) AS `days_seen`
  FROM (
    SELECT
      *
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
)
SELECT
  `t4`.`customer_id`,
  COALESCE(
    ieee_divide(
      `t4`.`revenue_recent` - `t4`.`revenue_before`,
      NULLIF(`t4`.`revenue_recent` + `t4`.`revenue_before` + `t7`.`revenue_prior`, 0.0)
    ),
    0.0
  ) AS `trend_revenue`,
  COALESCE(
    ieee_divide(
      `t4`.`activity_recent` - `t4`.`activity_before`,
      NULLIF(`t4`.`activity_recent` + `t4`.`activity_before` + `t7`.`activity_prior`, 0.0)
    ),
    0.0
  ) AS `trend_activity`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    *
  FROM (
    SELECT
      AVG(IF(`t3`.`days_seen` > 0, `t3`.`revenue_recent` + `t3`.`revenue_before`, NULL)) AS `revenue_prior`,
      AVG(IF(`t3`.`days_seen` > 0, `t3`.`activity_recent` + `t3`.`activity_before`, NULL)) AS `activity_prior`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
