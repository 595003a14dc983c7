WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`device_events`, NULL)) AS `by_device`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`mobile_events`, NULL)) AS `by_mobile`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`channel_events`, NULL)) AS `by_channel`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`app_events`, NULL)) AS `by_app`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 5, 19), `t1`.`store_events`, NULL)) AS `by_store`
  FROM (
    SELECT
      *
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= MAKE_DATE(2026, 11, 15)
  ) AS `t1`
  GROUP BY
    1
)
SELECT
  `t4`.`customer_id`,
  TRY_DIVIDE(
    LEAST(`t4`.`by_mobile`, `t4`.`by_device`) + (
      `t7`.`mobile_share_strength` * `t7`.`mobile_share_mean`
    ),
    NULLIF(`t4`.`by_device`, 0.0) + `t7`.`mobile_share_strength`
  ) AS `mobile_share`,
  TRY_DIVIDE(
    LEAST(`t4`.`by_app`, `t4`.`by_channel`) + (
      `t7`.`app_share_strength` * `t7`.`app_share_mean`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t7`.`app_share_strength`
  ) AS `app_share`,
  TRY_DIVIDE(
    LEAST(`t4`.`by_store`, `t4`.`by_channel`) + (
      `t7`.`store_share_strength` * `t7`.`store_share_mean`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t7`.`store_share_strength`
  ) AS `store_share`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    TRY_DIVIDE(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0)) AS `mobile_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        TRY_DIVIDE(
          1.0,
          GREATEST(
            COALESCE(
              TRY_DIVIDE(
                TRY_DIVIDE(
                  `t5`.`mobile_share_spread` - (
                    `t5`.`mobile_share_hits` * TRY_DIVIDE(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
                  ),
                  NULLIF(
                    TRY_DIVIDE(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0)) * (
                      1.0 - TRY_DIVIDE(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`mobile_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`mobile_share_trials` - TRY_DIVIDE(`t5`.`mobile_share_squares`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
                  ) - (
                    `t5`.`mobile_share_tried` - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS `mobile_share_strength`,
    TRY_DIVIDE(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0)) AS `app_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        TRY_DIVIDE(
          1.0,
          GREATEST(
            COALESCE(
              TRY_DIVIDE(
                TRY_DIVIDE(
                  `t5`.`app_share_spread` - (
                    `t5`.`app_share_hits` * TRY_DIVIDE(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0))
                  ),
                  NULLIF(
                    TRY_DIVIDE(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0)) * (
                      1.0 - TRY_DIVIDE(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`app_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`app_share_trials` - TRY_DIVIDE(`t5`.`app_share_squares`, NULLIF(`t5`.`app_share_trials`, 0.0))
                  ) - (
                    `t5`.`app_share_tried` - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS `app_share_strength`,
    TRY_DIVIDE(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0)) AS `store_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        TRY_DIVIDE(
          1.0,
          GREATEST(
            COALESCE(
              TRY_DIVIDE(
                TRY_DIVIDE(
                  `t5`.`store_share_spread` - (
                    `t5`.`store_share_hits` * TRY_DIVIDE(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0))
                  ),
                  NULLIF(
                    TRY_DIVIDE(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0)) * (
                      1.0 - TRY_DIVIDE(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`store_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`store_share_trials` - TRY_DIVIDE(`t5`.`store_share_squares`, NULLIF(`t5`.`store_share_trials`, 0.0))
                  ) - (
                    `t5`.`store_share_tried` - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS `store_share_strength`
  FROM (
    SELECT
      SUM(LEAST(`t3`.`by_mobile`, `t3`.`by_device`)) AS `mobile_share_hits`,
      SUM(`t3`.`by_device`) AS `mobile_share_trials`,
      SUM(`t3`.`by_device` * `t3`.`by_device`) AS `mobile_share_squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`by_mobile`, `t3`.`by_device`) * LEAST(`t3`.`by_mobile`, `t3`.`by_device`),
          NULLIF(`t3`.`by_device`, 0.0)
        )
      ) AS `mobile_share_spread`,
      CAST(COALESCE(SUM(CAST(`t3`.`by_device` > 0 AS BIGINT)), 0) AS DOUBLE) AS `mobile_share_tried`,
      SUM(LEAST(`t3`.`by_app`, `t3`.`by_channel`)) AS `app_share_hits`,
      SUM(`t3`.`by_channel`) AS `app_share_trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `app_share_squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`by_app`, `t3`.`by_channel`) * LEAST(`t3`.`by_app`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `app_share_spread`,
      CAST(COALESCE(SUM(CAST(`t3`.`by_channel` > 0 AS BIGINT)), 0) AS DOUBLE) AS `app_share_tried`,
      SUM(LEAST(`t3`.`by_store`, `t3`.`by_channel`)) AS `store_share_hits`,
      SUM(`t3`.`by_channel`) AS `store_share_trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `store_share_squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`by_store`, `t3`.`by_channel`) * LEAST(`t3`.`by_store`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `store_share_spread`,
      CAST(COALESCE(SUM(CAST(`t3`.`by_channel` > 0 AS BIGINT)), 0) AS DOUBLE) AS `store_share_tried`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
