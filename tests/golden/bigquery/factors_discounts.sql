WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(`t1`.`revenue`) AS `revenue`,
    SUM(`t1`.`discount`) AS `discount`,
    CAST(SUM(IF(`t1`.`discount` > 0, 1, 0)) AS FLOAT64) AS `discounted`,
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
)
SELECT
  `t10`.`customer_id`,
  `t10`.`revenue`,
  `t10`.`discount`,
  `t10`.`discounted`,
  `t10`.`orders`,
  `t10`.`discount_order_rate`,
  ieee_divide(`t10`.`discount`, NULLIF(`t10`.`revenue` + `t10`.`discount`, 0.0)) AS `discount_share`
FROM (
  SELECT
    `t9`.*
    EXCEPT (`prior_trials`, `prior_rate`)
  FROM (
    SELECT
      `t8`.`customer_id`,
      `t8`.`revenue`,
      `t8`.`discount`,
      `t8`.`discounted`,
      `t8`.`orders`,
      `t8`.`prior_rate`,
      `t8`.`prior_trials`,
      ieee_divide(
        LEAST(`t8`.`discounted`, `t8`.`orders`) + (
          `t8`.`prior_trials` * `t8`.`prior_rate`
        ),
        NULLIF(`t8`.`orders`, 0.0) + `t8`.`prior_trials`
      ) AS `discount_order_rate`
    FROM (
      SELECT
        `t4`.`customer_id`,
        `t4`.`revenue`,
        `t4`.`discount`,
        `t4`.`discounted`,
        `t4`.`orders`,
        `t7`.`prior_rate`,
        `t7`.`prior_trials`
      FROM `t2` AS `t4`
      CROSS JOIN (
        SELECT
          ieee_divide(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0)) AS `prior_rate`,
          CAST(CAST(ROUND(
            GREATEST(
              ieee_divide(
                1.0,
                GREATEST(
                  COALESCE(
                    ieee_divide(
                      ieee_divide(
                        `t5`.`spread` - (
                          `t5`.`hits` * ieee_divide(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0))
                        ),
                        NULLIF(
                          ieee_divide(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0)) * (
                            1.0 - ieee_divide(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0))
                          ),
                          0.0
                        )
                      ) - (
                        `t5`.`customers` - 1.0
                      ),
                      NULLIF(
                        (
                          `t5`.`trials` - ieee_divide(`t5`.`squares`, NULLIF(`t5`.`trials`, 0.0))
                        ) - (
                          `t5`.`customers` - 1.0
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
            SUM(LEAST(`t3`.`discounted`, `t3`.`orders`)) AS `hits`,
            SUM(`t3`.`orders`) AS `trials`,
            SUM(`t3`.`orders` * `t3`.`orders`) AS `squares`,
            SUM(
              ieee_divide(
                LEAST(`t3`.`discounted`, `t3`.`orders`) * LEAST(`t3`.`discounted`, `t3`.`orders`),
                NULLIF(`t3`.`orders`, 0.0)
              )
            ) AS `spread`,
            CAST(SUM(IF(`t3`.`orders` > 0, 1, 0)) AS FLOAT64) AS `customers`
          FROM `t2` AS `t3`
        ) AS `t5`
      ) AS `t7`
    ) AS `t8`
  ) AS `t9`
) AS `t10`
