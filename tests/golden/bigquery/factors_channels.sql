WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(`t1`.`device_events`) AS `by_device`,
    SUM(`t1`.`mobile_events`) AS `by_mobile`,
    SUM(`t1`.`channel_events`) AS `by_channel`,
    SUM(`t1`.`app_events`) AS `by_app`,
    SUM(`t1`.`store_events`) AS `by_store`
  FROM (
    SELECT
      `t0`.`customer_id`,
      `t0`.`day`,
      `t0`.`device_events`,
      `t0`.`mobile_events`,
      `t0`.`channel_events`,
      `t0`.`app_events`,
      `t0`.`store_events`
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= DATE(2026, 11, 15) AND `t0`.`day` > DATE(2026, 5, 19)
  ) AS `t1`
  GROUP BY
    1
)
SELECT
  `t4`.`customer_id`,
  `t4`.`by_device`,
  `t4`.`by_mobile`,
  `t4`.`by_channel`,
  `t4`.`by_app`,
  `t4`.`by_store`,
  ieee_divide(
    LEAST(`t4`.`by_mobile`, `t4`.`by_device`) + (
      `t11`.`prior_trials` * `t11`.`prior_rate`
    ),
    NULLIF(`t4`.`by_device`, 0.0) + `t11`.`prior_trials`
  ) AS `mobile_share`,
  ieee_divide(
    LEAST(`t4`.`by_app`, `t4`.`by_channel`) + (
      `t12`.`prior_trials` * `t12`.`prior_rate`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t12`.`prior_trials`
  ) AS `app_share`,
  ieee_divide(
    LEAST(`t4`.`by_store`, `t4`.`by_channel`) + (
      `t13`.`prior_trials` * `t13`.`prior_rate`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t13`.`prior_trials`
  ) AS `store_share`
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
      SUM(LEAST(`t3`.`by_mobile`, `t3`.`by_device`)) AS `hits`,
      SUM(`t3`.`by_device`) AS `trials`,
      SUM(`t3`.`by_device` * `t3`.`by_device`) AS `squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_mobile`, `t3`.`by_device`) * LEAST(`t3`.`by_mobile`, `t3`.`by_device`),
          NULLIF(`t3`.`by_device`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`by_device` > 0, 1, 0) AS FLOAT64)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t11`
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
      SUM(LEAST(`t3`.`by_app`, `t3`.`by_channel`)) AS `hits`,
      SUM(`t3`.`by_channel`) AS `trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_app`, `t3`.`by_channel`) * LEAST(`t3`.`by_app`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`by_channel` > 0, 1, 0) AS FLOAT64)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t6`
) AS `t12`
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
      SUM(LEAST(`t3`.`by_store`, `t3`.`by_channel`)) AS `hits`,
      SUM(`t3`.`by_channel`) AS `trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_store`, `t3`.`by_channel`) * LEAST(`t3`.`by_store`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`by_channel` > 0, 1, 0) AS FLOAT64)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t7`
) AS `t13`
