WITH `t3` AS (
  SELECT
    `t2`.`customer_id`,
    CAST(COALESCE(COUNTIF(`t2`.`last` > DATE(2026, 5, 19)), 0) AS FLOAT64) AS `category_breadth`,
    MAX(`t2`.`interest`) AS `favourite`,
    SUM(`t2`.`interest`) AS `interest`,
    CAST(COALESCE(COUNTIF(`t2`.`last` > DATE(2026, 8, 17)), 0) AS FLOAT64) AS `current`,
    CAST(COALESCE(COUNTIF(`t2`.`first` > DATE(2026, 8, 17)), 0) AS FLOAT64) AS `novel`
  FROM (
    SELECT
      `t1`.`customer_id`,
      `t1`.`category`,
      MIN(`t1`.`day`) AS `first`,
      MAX(`t1`.`day`) AS `last`,
      COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`interactions`, NULL)), 0.0) AS `interest`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`day`,
        `t0`.`category`,
        `t0`.`interactions`
      FROM `categories_daily` AS `t0`
      WHERE
        `t0`.`day` <= DATE(2026, 11, 15)
    ) AS `t1`
    GROUP BY
      1,
      2
  ) AS `t2`
  GROUP BY
    1
)
SELECT
  `t5`.`customer_id`,
  `t5`.`category_breadth`,
  `t5`.`favourite`,
  `t5`.`interest`,
  `t5`.`current`,
  `t5`.`novel`,
  ieee_divide(
    LEAST(`t5`.`favourite`, `t5`.`interest`) + (
      `t8`.`category_focus_strength` * `t8`.`category_focus_mean`
    ),
    NULLIF(`t5`.`interest`, 0.0) + `t8`.`category_focus_strength`
  ) AS `category_focus`,
  ieee_divide(
    LEAST(`t5`.`novel`, `t5`.`current`) + (
      `t8`.`novelty_share_strength` * `t8`.`novelty_share_mean`
    ),
    NULLIF(`t5`.`current`, 0.0) + `t8`.`novelty_share_strength`
  ) AS `novelty_share`
FROM `t3` AS `t5`
CROSS JOIN (
  SELECT
    ieee_divide(`t6`.`category_focus_hits`, NULLIF(`t6`.`category_focus_trials`, 0.0)) AS `category_focus_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t6`.`category_focus_spread` - (
                    `t6`.`category_focus_hits` * ieee_divide(`t6`.`category_focus_hits`, NULLIF(`t6`.`category_focus_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t6`.`category_focus_hits`, NULLIF(`t6`.`category_focus_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t6`.`category_focus_hits`, NULLIF(`t6`.`category_focus_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t6`.`category_focus_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t6`.`category_focus_trials` - ieee_divide(`t6`.`category_focus_squares`, NULLIF(`t6`.`category_focus_trials`, 0.0))
                  ) - (
                    `t6`.`category_focus_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `category_focus_strength`,
    ieee_divide(`t6`.`novelty_share_hits`, NULLIF(`t6`.`novelty_share_trials`, 0.0)) AS `novelty_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t6`.`novelty_share_spread` - (
                    `t6`.`novelty_share_hits` * ieee_divide(`t6`.`novelty_share_hits`, NULLIF(`t6`.`novelty_share_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t6`.`novelty_share_hits`, NULLIF(`t6`.`novelty_share_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t6`.`novelty_share_hits`, NULLIF(`t6`.`novelty_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t6`.`novelty_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t6`.`novelty_share_trials` - ieee_divide(`t6`.`novelty_share_squares`, NULLIF(`t6`.`novelty_share_trials`, 0.0))
                  ) - (
                    `t6`.`novelty_share_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `novelty_share_strength`
  FROM (
    SELECT
      SUM(LEAST(`t4`.`favourite`, `t4`.`interest`)) AS `category_focus_hits`,
      SUM(`t4`.`interest`) AS `category_focus_trials`,
      SUM(`t4`.`interest` * `t4`.`interest`) AS `category_focus_squares`,
      SUM(
        ieee_divide(
          LEAST(`t4`.`favourite`, `t4`.`interest`) * LEAST(`t4`.`favourite`, `t4`.`interest`),
          NULLIF(`t4`.`interest`, 0.0)
        )
      ) AS `category_focus_spread`,
      CAST(COALESCE(COUNTIF(`t4`.`interest` > 0), 0) AS FLOAT64) AS `category_focus_tried`,
      SUM(LEAST(`t4`.`novel`, `t4`.`current`)) AS `novelty_share_hits`,
      SUM(`t4`.`current`) AS `novelty_share_trials`,
      SUM(`t4`.`current` * `t4`.`current`) AS `novelty_share_squares`,
      SUM(
        ieee_divide(
          LEAST(`t4`.`novel`, `t4`.`current`) * LEAST(`t4`.`novel`, `t4`.`current`),
          NULLIF(`t4`.`current`, 0.0)
        )
      ) AS `novelty_share_spread`,
      CAST(COALESCE(COUNTIF(`t4`.`current` > 0), 0) AS FLOAT64) AS `novelty_share_tried`
    FROM `t3` AS `t4`
  ) AS `t6`
) AS `t8`
