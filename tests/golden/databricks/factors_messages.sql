WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(`t1`.`emails_sent`) AS `sent`,
    SUM(`t1`.`emails_opened`) AS `opened`,
    SUM(`t1`.`emails_clicked`) AS `clicked`,
    SUM(`t1`.`ads_seen`) AS `ads`,
    SUM(`t1`.`ads_clicked`) AS `followed`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 8, 17), `t1`.`pushes_opened`, 0.0)) AS `push_opens_90d`,
    SUM(IF(`t1`.`day` > MAKE_DATE(2026, 8, 17), `t1`.`ads_clicked`, 0.0)) AS `ads_clicked_90d`
  FROM (
    SELECT
      `t0`.`customer_id`,
      `t0`.`day`,
      `t0`.`emails_sent`,
      `t0`.`emails_opened`,
      `t0`.`emails_clicked`,
      `t0`.`pushes_opened`,
      `t0`.`ads_seen`,
      `t0`.`ads_clicked`
    FROM `activity_daily` AS `t0`
    WHERE
      `t0`.`day` <= MAKE_DATE(2026, 11, 15) AND `t0`.`day` > MAKE_DATE(2026, 5, 19)
  ) AS `t1`
  GROUP BY
    1
)
SELECT
  `t4`.`customer_id`,
  `t4`.`sent`,
  `t4`.`opened`,
  `t4`.`clicked`,
  `t4`.`ads`,
  `t4`.`followed`,
  `t4`.`push_opens_90d`,
  `t4`.`ads_clicked_90d`,
  TRY_DIVIDE(
    LEAST(`t4`.`opened`, `t4`.`sent`) + (
      `t11`.`prior_trials` * `t11`.`prior_rate`
    ),
    NULLIF(`t4`.`sent`, 0.0) + `t11`.`prior_trials`
  ) AS `email_open_rate`,
  TRY_DIVIDE(
    LEAST(`t4`.`clicked`, `t4`.`sent`) + (
      `t12`.`prior_trials` * `t12`.`prior_rate`
    ),
    NULLIF(`t4`.`sent`, 0.0) + `t12`.`prior_trials`
  ) AS `email_click_rate`,
  TRY_DIVIDE(
    LEAST(`t4`.`followed`, `t4`.`ads`) + (
      `t13`.`prior_trials` * `t13`.`prior_rate`
    ),
    NULLIF(`t4`.`ads`, 0.0) + `t13`.`prior_trials`
  ) AS `ad_click_rate`
FROM `t2` AS `t4`
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
      SUM(LEAST(`t3`.`opened`, `t3`.`sent`)) AS `hits`,
      SUM(`t3`.`sent`) AS `trials`,
      SUM(`t3`.`sent` * `t3`.`sent`) AS `squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`opened`, `t3`.`sent`) * LEAST(`t3`.`opened`, `t3`.`sent`),
          NULLIF(`t3`.`sent`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`sent` > 0, 1, 0) AS DOUBLE)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t11`
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
      SUM(LEAST(`t3`.`clicked`, `t3`.`sent`)) AS `hits`,
      SUM(`t3`.`sent`) AS `trials`,
      SUM(`t3`.`sent` * `t3`.`sent`) AS `squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`clicked`, `t3`.`sent`) * LEAST(`t3`.`clicked`, `t3`.`sent`),
          NULLIF(`t3`.`sent`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`sent` > 0, 1, 0) AS DOUBLE)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t6`
) AS `t12`
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
      SUM(LEAST(`t3`.`followed`, `t3`.`ads`)) AS `hits`,
      SUM(`t3`.`ads`) AS `trials`,
      SUM(`t3`.`ads` * `t3`.`ads`) AS `squares`,
      SUM(
        TRY_DIVIDE(
          LEAST(`t3`.`followed`, `t3`.`ads`) * LEAST(`t3`.`followed`, `t3`.`ads`),
          NULLIF(`t3`.`ads`, 0.0)
        )
      ) AS `spread`,
      SUM(CAST(IF(`t3`.`ads` > 0, 1, 0) AS DOUBLE)) AS `customers`
    FROM `t2` AS `t3`
  ) AS `t7`
) AS `t13`
