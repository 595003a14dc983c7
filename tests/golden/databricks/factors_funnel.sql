WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(`t1`.`product_views`) AS `views`,
    SUM(`t1`.`carts`) AS `carts`,
    SUM(`t1`.`checkouts`) AS `checkouts`,
    CAST(SUM(IF(`t1`.`carts` > 0, 1, 0)) AS DOUBLE) AS `cart_days`,
    CAST(SUM(IF((
      `t1`.`carts` > 0
    ) AND (
      `t1`.`purchases` = 0
    ), 1, 0)) AS DOUBLE) AS `abandoned_days`
  FROM (
    SELECT
      `t0`.`customer_id`,
      `t0`.`day`,
      `t0`.`product_views`,
      `t0`.`carts`,
      `t0`.`checkouts`,
      `t0`.`purchases`
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= MAKE_DATE(2026, 11, 15) AND `t0`.`day` > MAKE_DATE(2026, 5, 19)
  ) AS `t1`
  GROUP BY
    1
)
SELECT
  `t23`.`customer_id`,
  `t23`.`views`,
  `t23`.`carts`,
  `t23`.`checkouts`,
  `t23`.`cart_days`,
  `t23`.`abandoned_days`,
  `t23`.`cart_rate`,
  `t23`.`checkout_rate`,
  `t23`.`cart_abandonment`
FROM (
  SELECT
    `t22`.`customer_id`,
    `t22`.`views`,
    `t22`.`carts`,
    `t22`.`checkouts`,
    `t22`.`cart_days`,
    `t22`.`abandoned_days`,
    `t22`.`cart_rate`,
    `t22`.`checkout_rate`,
    `t22`.`prior_rate`,
    `t22`.`prior_trials`,
    TRY_DIVIDE(
      LEAST(`t22`.`abandoned_days`, `t22`.`cart_days`) + (
        `t22`.`prior_trials` * `t22`.`prior_rate`
      ),
      NULLIF(`t22`.`cart_days`, 0.0) + `t22`.`prior_trials`
    ) AS `cart_abandonment`
  FROM (
    SELECT
      `t21`.`customer_id`,
      `t21`.`views`,
      `t21`.`carts`,
      `t21`.`checkouts`,
      `t21`.`cart_days`,
      `t21`.`abandoned_days`,
      `t21`.`cart_rate`,
      `t21`.`checkout_rate`,
      `t11`.`prior_rate`,
      `t11`.`prior_trials`
    FROM (
      SELECT
        `t19`.`customer_id`,
        `t19`.`views`,
        `t19`.`carts`,
        `t19`.`checkouts`,
        `t19`.`cart_days`,
        `t19`.`abandoned_days`,
        `t19`.`cart_rate`,
        `t19`.`checkout_rate`
      FROM (
        SELECT
          `t18`.`customer_id`,
          `t18`.`views`,
          `t18`.`carts`,
          `t18`.`checkouts`,
          `t18`.`cart_days`,
          `t18`.`abandoned_days`,
          `t18`.`cart_rate`,
          `t18`.`prior_rate`,
          `t18`.`prior_trials`,
          TRY_DIVIDE(
            LEAST(`t18`.`checkouts`, `t18`.`carts`) + (
              `t18`.`prior_trials` * `t18`.`prior_rate`
            ),
            NULLIF(`t18`.`carts`, 0.0) + `t18`.`prior_trials`
          ) AS `checkout_rate`
        FROM (
          SELECT
            `t17`.`customer_id`,
            `t17`.`views`,
            `t17`.`carts`,
            `t17`.`checkouts`,
            `t17`.`cart_days`,
            `t17`.`abandoned_days`,
            `t17`.`cart_rate`,
            `t12`.`prior_rate`,
            `t12`.`prior_trials`
          FROM (
            SELECT
              `t15`.`customer_id`,
              `t15`.`views`,
              `t15`.`carts`,
              `t15`.`checkouts`,
              `t15`.`cart_days`,
              `t15`.`abandoned_days`,
              `t15`.`cart_rate`
            FROM (
              SELECT
                `t14`.`customer_id`,
                `t14`.`views`,
                `t14`.`carts`,
                `t14`.`checkouts`,
                `t14`.`cart_days`,
                `t14`.`abandoned_days`,
                `t14`.`prior_rate`,
                `t14`.`prior_trials`,
                TRY_DIVIDE(
                  LEAST(`t14`.`carts`, `t14`.`views`) + (
                    `t14`.`prior_trials` * `t14`.`prior_rate`
                  ),
                  NULLIF(`t14`.`views`, 0.0) + `t14`.`prior_trials`
                ) AS `cart_rate`
              FROM (
                SELECT
                  `t4`.`customer_id`,
                  `t4`.`views`,
                  `t4`.`carts`,
                  `t4`.`checkouts`,
                  `t4`.`cart_days`,
                  `t4`.`abandoned_days`,
                  `t13`.`prior_rate`,
                  `t13`.`prior_trials`
                FROM `t2` AS `t4`
                CROSS JOIN (
                  SELECT
                    TRY_DIVIDE(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0)) AS `prior_rate`,
                    CAST(CAST(ROUND(
                      GREATEST(
                        TRY_DIVIDE(
                          1.0,
                          GREATEST(
                            COALESCE(
                              TRY_DIVIDE(
                                TRY_DIVIDE(
                                  `t7`.`spread` - (
                                    `t7`.`hits` * TRY_DIVIDE(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0))
                                  ),
                                  NULLIF(
                                    TRY_DIVIDE(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0)) * (
                                      1.0 - TRY_DIVIDE(`t7`.`hits`, NULLIF(`t7`.`trials`, 0.0))
                                    ),
                                    0.0
                                  )
                                ) - (
                                  `t7`.`customers` - 1.0
                                ),
                                NULLIF(
                                  (
                                    `t7`.`trials` - TRY_DIVIDE(`t7`.`squares`, NULLIF(`t7`.`trials`, 0.0))
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
                    ) AS BIGINT) AS DOUBLE) AS `prior_trials`
                  FROM (
                    SELECT
                      SUM(LEAST(`t3`.`carts`, `t3`.`views`)) AS `hits`,
                      SUM(`t3`.`views`) AS `trials`,
                      SUM(`t3`.`views` * `t3`.`views`) AS `squares`,
                      SUM(
                        TRY_DIVIDE(
                          LEAST(`t3`.`carts`, `t3`.`views`) * LEAST(`t3`.`carts`, `t3`.`views`),
                          NULLIF(`t3`.`views`, 0.0)
                        )
                      ) AS `spread`,
                      CAST(SUM(IF(`t3`.`views` > 0, 1, 0)) AS DOUBLE) AS `customers`
                    FROM `t2` AS `t3`
                  ) AS `t7`
                ) AS `t13`
              ) AS `t14`
            ) AS `t15`
          ) AS `t17`
          CROSS JOIN (
            SELECT
              TRY_DIVIDE(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0)) AS `prior_rate`,
              CAST(CAST(ROUND(
                GREATEST(
                  TRY_DIVIDE(
                    1.0,
                    GREATEST(
                      COALESCE(
                        TRY_DIVIDE(
                          TRY_DIVIDE(
                            `t6`.`spread` - (
                              `t6`.`hits` * TRY_DIVIDE(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0))
                            ),
                            NULLIF(
                              TRY_DIVIDE(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0)) * (
                                1.0 - TRY_DIVIDE(`t6`.`hits`, NULLIF(`t6`.`trials`, 0.0))
                              ),
                              0.0
                            )
                          ) - (
                            `t6`.`customers` - 1.0
                          ),
                          NULLIF(
                            (
                              `t6`.`trials` - TRY_DIVIDE(`t6`.`squares`, NULLIF(`t6`.`trials`, 0.0))
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
              ) AS BIGINT) AS DOUBLE) AS `prior_trials`
            FROM (
              SELECT
                SUM(LEAST(`t3`.`checkouts`, `t3`.`carts`)) AS `hits`,
                SUM(`t3`.`carts`) AS `trials`,
                SUM(`t3`.`carts` * `t3`.`carts`) AS `squares`,
                SUM(
                  TRY_DIVIDE(
                    LEAST(`t3`.`checkouts`, `t3`.`carts`) * LEAST(`t3`.`checkouts`, `t3`.`carts`),
                    NULLIF(`t3`.`carts`, 0.0)
                  )
                ) AS `spread`,
                CAST(SUM(IF(`t3`.`carts` > 0, 1, 0)) AS DOUBLE) AS `customers`
              FROM `t2` AS `t3`
            ) AS `t6`
          ) AS `t12`
        ) AS `t18`
      ) AS `t19`
    ) AS `t21`
    CROSS JOIN (
      SELECT
        TRY_DIVIDE(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0)) AS `prior_rate`,
        CAST(CAST(ROUND(
          GREATEST(
            TRY_DIVIDE(
              1.0,
              GREATEST(
                COALESCE(
                  TRY_DIVIDE(
                    TRY_DIVIDE(
                      `t5`.`spread` - (
                        `t5`.`hits` * TRY_DIVIDE(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0))
                      ),
                      NULLIF(
                        TRY_DIVIDE(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0)) * (
                          1.0 - TRY_DIVIDE(`t5`.`hits`, NULLIF(`t5`.`trials`, 0.0))
                        ),
                        0.0
                      )
                    ) - (
                      `t5`.`customers` - 1.0
                    ),
                    NULLIF(
                      (
                        `t5`.`trials` - TRY_DIVIDE(`t5`.`squares`, NULLIF(`t5`.`trials`, 0.0))
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
        ) AS BIGINT) AS DOUBLE) AS `prior_trials`
      FROM (
        SELECT
          SUM(LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`)) AS `hits`,
          SUM(`t3`.`cart_days`) AS `trials`,
          SUM(`t3`.`cart_days` * `t3`.`cart_days`) AS `squares`,
          SUM(
            TRY_DIVIDE(
              LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`) * LEAST(`t3`.`abandoned_days`, `t3`.`cart_days`),
              NULLIF(`t3`.`cart_days`, 0.0)
            )
          ) AS `spread`,
          CAST(SUM(IF(`t3`.`cart_days` > 0, 1, 0)) AS DOUBLE) AS `customers`
        FROM `t2` AS `t3`
      ) AS `t5`
    ) AS `t11`
  ) AS `t22`
) AS `t23`
