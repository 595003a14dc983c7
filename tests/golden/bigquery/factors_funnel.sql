WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`product_views`, NULL)) AS `products_seen`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`carts`, NULL)) AS `carts_filled`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`checkouts`, NULL)) AS `checkouts_begun`,
    CAST(COALESCE(COUNTIF((
      `t1`.`carts` > 0
    ) AND (
      `t1`.`day` > DATE(2026, 5, 19)
    )), 0) AS FLOAT64) AS `cart_days`,
    CAST(COALESCE(
      COUNTIF(
        (
          `t1`.`carts` > 0
        )
        AND (
          `t1`.`day` > DATE(2026, 5, 19)
        )
        AND (
          `t1`.`purchases` = 0
        )
      ),
      0
    ) AS FLOAT64) AS `abandoned_days`
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
    LEAST(`t4`.`carts_filled`, `t4`.`products_seen`) + (
      `t7`.`cart_rate_strength` * `t7`.`cart_rate_mean`
    ),
    NULLIF(`t4`.`products_seen`, 0.0) + `t7`.`cart_rate_strength`
  ) AS `cart_rate`,
  ieee_divide(
    LEAST(`t4`.`checkouts_begun`, `t4`.`carts_filled`) + (
      `t7`.`checkout_rate_strength` * `t7`.`checkout_rate_mean`
    ),
    NULLIF(`t4`.`carts_filled`, 0.0) + `t7`.`checkout_rate_strength`
  ) AS `checkout_rate`,
  ieee_divide(
    LEAST(`t4`.`abandoned_days`, `t4`.`cart_days`) + (
      `t7`.`cart_abandonment_strength` * `t7`.`cart_abandonment_mean`
    ),
    NULLIF(`t4`.`cart_days`, 0.0) + `t7`.`cart_abandonment_strength`
  ) AS `cart_abandonment`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    ieee_divide(`t5`.`cart_rate_hits`, NULLIF(`t5`.`cart_rate_trials`, 0.0)) AS `cart_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`cart_rate_spread` - (
                    `t5`.`cart_rate_hits` * ieee_divide(`t5`.`cart_rate_hits`, NULLIF(`t5`.`cart_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`cart_rate_hits`, NULLIF(`t5`.`cart_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`cart_rate_hits`, NULLIF(`t5`.`cart_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`cart_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`cart_rate_trials` - ieee_divide(`t5`.`cart_rate_squares`, NULLIF(`t5`.`cart_rate_trials`, 0.0))
                  ) - (
                    `t5`.`cart_rate_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `cart_rate_strength`,
    ieee_divide(`t5`.`checkout_rate_hits`, NULLIF(`t5`.`checkout_rate_trials`, 0.0)) AS `checkout_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`checkout_rate_spread` - (
                    `t5`.`checkout_rate_hits` * ieee_divide(`t5`.`checkout_rate_hits`, NULLIF(`t5`.`checkout_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`checkout_rate_hits`, NULLIF(`t5`.`checkout_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`checkout_rate_hits`, NULLIF(`t5`.`checkout_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`checkout_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`checkout_rate_trials` - ieee_divide(`t5`.`checkout_rate_squares`, NULLIF(`t5`.`checkout_rate_trials`, 0.0))
                  ) - (
                    `t5`.`checkout_rate_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `checkout_rate_strength`,
    ieee_divide(`t5`.`cart_abandonment_hits`, NULLIF(`t5`.`cart_abandonment_trials`, 0.0)) AS `cart_abandonment_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`cart_abandonment_spread` - (
                    `t5`.`cart_abandonment_hits` * ieee_divide(`t5`.`cart_abandonment_hits`, NULLIF(`t5`.`cart_abandonment_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`cart_abandonment_hits`, NULLIF(`t5`.`cart_abandonment_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`cart_abandonment_hits`, NULLIF(`t5`.`cart_abandonment_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`cart_abandonment_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`cart_abandonment_trials` - ieee_divide(`t5`.`cart_abandonment_squares`, NULLIF(`t5`.`cart_abandonment_trials`, 0.0))
                  ) - (
                    `t5`.`cart_abandonment_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `cart_abandonment_strength`
  FROM (
    SELECT
      SUM(LEAST(`t3`.`carts_filled`, `t3`.`products_seen`)) AS `cart_rate_hits`,
      SUM(`t3`.`products_seen`) AS `cart_rate_trials`,
      SUM(`t3`.`products_seen` * `t3`.`products_seen`) AS `cart_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`carts_filled`, `t3`.`products_seen`) * LEAST(`t3`.`carts_filled`, `t3`.`products_seen`),
          NULLIF(`t3`.`products_seen`, 0.0)
        )
      ) AS `cart_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`products_seen` > 0), 0) AS FLOAT64) AS `cart_rate_tried`,
      SUM(LEAST(`t3`.`checkouts_begun`, `t3`.`carts_filled`)) AS `checkout_rate_hits`,
      SUM(`t3`.`carts_filled`) AS `checkout_rate_trials`,
      SUM(`t3`.`carts_filled` * `t3`.`carts_filled`) AS `checkout_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`checkouts_begun`, `t3`.`carts_filled`) * LEAST(`t3`.`checkouts_begun`, `t3`.`carts_filled`),
          NULLIF(`t3`.`carts_filled`, 0.0)
        )
      ) AS `checkout_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`carts_filled` > 0), 0) AS FLOAT64) AS `checkout_rate_tried`,
      SUM(LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`)) AS `cart_abandonment_hits`,
      SUM(`t3`.`cart_days`) AS `cart_abandonment_trials`,
      SUM(`t3`.`cart_days` * `t3`.`cart_days`) AS `cart_abandonment_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`) * LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`),
          NULLIF(`t3`.`cart_days`, 0.0)
        )
      ) AS `cart_abandonment_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`cart_days` > 0), 0) AS FLOAT64) AS `cart_abandonment_tried`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
