WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(`t1`.`revenue`) AS `received`,
    SUM(`t1`.`refund_value`) AS `refunded`,
    CAST(COALESCE(COUNTIF(`t1`.`revenue` > 0), 0) AS FLOAT64) AS `purchase_days`
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
  ieee_divide(
    LEAST(
      COALESCE(
        ieee_divide(`t4`.`purchase_days` * `t4`.`refunded`, NULLIF(`t4`.`received`, 0.0)),
        0.0
      ),
      `t4`.`purchase_days`
    ) + (
      `t7`.`return_rate_strength` * `t7`.`return_rate_mean`
    ),
    NULLIF(`t4`.`purchase_days`, 0.0) + `t7`.`return_rate_strength`
  ) AS `return_rate`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    ieee_divide(`t5`.`return_rate_hits`, NULLIF(`t5`.`return_rate_trials`, 0.0)) AS `return_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`return_rate_spread` - (
                    `t5`.`return_rate_hits` * ieee_divide(`t5`.`return_rate_hits`, NULLIF(`t5`.`return_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`return_rate_hits`, NULLIF(`t5`.`return_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`return_rate_hits`, NULLIF(`t5`.`return_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`return_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`return_rate_trials` - ieee_divide(`t5`.`return_rate_squares`, NULLIF(`t5`.`return_rate_trials`, 0.0))
                  ) - (
                    `t5`.`return_rate_tried` - 1.0
                  ),
                  0.0
                )
              ),
              0.09090909090909091
            ),
            0.004975124378109453
          )
        ) - 1.0,
        2.0
      ),
      0
    ) AS INT64) AS FLOAT64) AS `return_rate_strength`
  FROM (
    SELECT
      SUM(
        LEAST(
          COALESCE(
            ieee_divide(`t3`.`purchase_days` * `t3`.`refunded`, NULLIF(`t3`.`received`, 0.0)),
            0.0
          ),
          `t3`.`purchase_days`
        )
      ) AS `return_rate_hits`,
      SUM(`t3`.`purchase_days`) AS `return_rate_trials`,
      SUM(`t3`.`purchase_days` * `t3`.`purchase_days`) AS `return_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(
            COALESCE(
              ieee_divide(`t3`.`purchase_days` * `t3`.`refunded`, NULLIF(`t3`.`received`, 0.0)),
              0.0
            ),
            `t3`.`purchase_days`
          ) * LEAST(
            COALESCE(
              ieee_divide(`t3`.`purchase_days` * `t3`.`refunded`, NULLIF(`t3`.`received`, 0.0)),
              0.0
            ),
            `t3`.`purchase_days`
          ),
          NULLIF(`t3`.`purchase_days`, 0.0)
        )
      ) AS `return_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`purchase_days` > 0), 0) AS FLOAT64) AS `return_rate_tried`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
