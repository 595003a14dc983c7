WITH `t3` AS (
  SELECT
    `t2`.`customer_id`,
    `t2`.`revenue`,
    `t2`.`discount`,
    `t2`.`discounted`,
    `t2`.`orders`,
    IF((
      `t2`.`revenue` + `t2`.`discount`
    ) > 0, `t2`.`orders`, 0.0) AS `priced`,
    COALESCE(
      ieee_divide(`t2`.`orders` * `t2`.`discount`, NULLIF(`t2`.`revenue` + `t2`.`discount`, 0.0)),
      0.0
    ) AS `taken_off`
  FROM (
    SELECT
      `t1`.`customer_id`,
      SUM(`t1`.`revenue`) AS `revenue`,
      SUM(`t1`.`discount`) AS `discount`,
      SUM(CAST(IF(`t1`.`discount` > 0, 1, 0) AS FLOAT64)) AS `discounted`,
      CAST(COUNT(*) AS FLOAT64) AS `orders`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`day`,
        `t0`.`revenue`,
        `t0`.`discount`
      FROM `orders` AS `t0`
      WHERE
        `t0`.`lines` > 0 AND `t0`.`day` <= DATE(2026, 11, 15)
    ) AS `t1`
    GROUP BY
      1
  ) AS `t2`
)
SELECT
  `t5`.`customer_id`,
  `t5`.`revenue`,
  `t5`.`discount`,
  `t5`.`discounted`,
  `t5`.`orders`,
  `t5`.`priced`,
  `t5`.`taken_off`,
  ieee_divide(
    LEAST(`t5`.`taken_off`, `t5`.`priced`) + (
      `t10`.`prior_trials` * `t10`.`prior_rate`
    ),
    NULLIF(`t5`.`priced`, 0.0) + `t10`.`prior_trials`
  ) AS `discount_share`,
  ieee_divide(
    LEAST(`t5`.`discounted`, `t5`.`orders`) + (
      `t11`.`prior_trials` * `t11`.`prior_rate`
    ),
    NULLIF(`t5`.`orders`, 0.0) + `t11`.`prior_trials`
  ) AS `discount_order_rate`
FROM `t3` AS `t5`
CROSS JOIN (
  SELECT
    ieee_divide(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0)) AS `prior_rate`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t6`.`spread` - (
                    `t6`.`hits` * ieee_divide(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0)) * (
                      1.0 - ieee_divide(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t6`.`customers` - 1.0
                ),
                NULLIF(
                  (
                    `t6`.`trials` - ieee_divide(`t6`.`squares`, NULLIF(`t6`.`trials`, 0.0))
                  ) - (
                    `t6`.`customers` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `prior_trials`
  FROM (
    SELECT
      SUM(LEAST(`t4`.`taken_off`, `t4`.`priced`)) AS `hits`,
      SUM(`t4`.`priced`) AS `trials`,
      SUM(`t4`.`priced` * `t4`.`priced`) AS `squares`,
      SUM(
        ieee_divide(
          LEAST(`t4`.`taken_off`, `t4`.`priced`) * LEAST(`t4`.`taken_off`, `t4`.`priced`),
          NULLIF(`t4`.`priced`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t4`.`priced` > 0, 1, 0) AS FLOAT64)) AS `customers`
    FROM `t3` AS `t4`
  ) AS `t6`
) AS `t10`
CROSS JOIN (
  SELECT
    ieee_divide(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0)) AS `prior_rate`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t7`.`spread` - (
                    `t7`.`hits` * ieee_divide(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0)) * (
                      1.0 - ieee_divide(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t7`.`customers` - 1.0
                ),
                NULLIF(
                  (
                    `t7`.`trials` - ieee_divide(`t7`.`squares`, NULLIF(`t7`.`trials`, 0.0))
                  ) - (
                    `t7`.`customers` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `prior_trials`
  FROM (
    SELECT
      SUM(LEAST(`t4`.`discounted`, `t4`.`orders`)) AS `hits`,
      SUM(`t4`.`orders`) AS `trials`,
      SUM(`t4`.`orders` * `t4`.`orders`) AS `squares`,
      SUM(
        ieee_divide(
          LEAST(`t4`.`discounted`, `t4`.`orders`) * LEAST(`t4`.`discounted`, `t4`.`orders`),
          NULLIF(`t4`.`orders`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t4`.`orders` > 0, 1, 0) AS FLOAT64)) AS `customers`
    FROM `t3` AS `t4`
  ) AS `t7`
) AS `t11`
