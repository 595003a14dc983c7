WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_sent`, NULL)) AS `mails_sent`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_opened`, NULL)) AS `mails_opened`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_clicked`, NULL)) AS `mails_clicked`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`ads_seen`, NULL)) AS `ads_shown`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`ads_clicked`, NULL)) AS `ads_followed`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`pushes_opened`, NULL)), 0.0) AS `push_opens_90d`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`ads_clicked`, NULL)), 0.0) AS `ads_clicked_90d`
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
    LEAST(`t4`.`mails_opened`, `t4`.`mails_sent`) + (
      `t7`.`email_open_rate_strength` * `t7`.`email_open_rate_mean`
    ),
    NULLIF(`t4`.`mails_sent`, 0.0) + `t7`.`email_open_rate_strength`
  ) AS `email_open_rate`,
  ieee_divide(
    LEAST(`t4`.`mails_clicked`, `t4`.`mails_sent`) + (
      `t7`.`email_click_rate_strength` * `t7`.`email_click_rate_mean`
    ),
    NULLIF(`t4`.`mails_sent`, 0.0) + `t7`.`email_click_rate_strength`
  ) AS `email_click_rate`,
  ieee_divide(
    LEAST(`t4`.`ads_followed`, `t4`.`ads_shown`) + (
      `t7`.`ad_click_rate_strength` * `t7`.`ad_click_rate_mean`
    ),
    NULLIF(`t4`.`ads_shown`, 0.0) + `t7`.`ad_click_rate_strength`
  ) AS `ad_click_rate`,
  `t4`.`push_opens_90d`,
  `t4`.`ads_clicked_90d`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    ieee_divide(`t5`.`email_open_rate_hits`, NULLIF(`t5`.`email_open_rate_trials`, 0.0)) AS `email_open_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`email_open_rate_spread` - (
                    `t5`.`email_open_rate_hits` * ieee_divide(`t5`.`email_open_rate_hits`, NULLIF(`t5`.`email_open_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`email_open_rate_hits`, NULLIF(`t5`.`email_open_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`email_open_rate_hits`, NULLIF(`t5`.`email_open_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`email_open_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`email_open_rate_trials` - ieee_divide(`t5`.`email_open_rate_squares`, NULLIF(`t5`.`email_open_rate_trials`, 0.0))
                  ) - (
                    `t5`.`email_open_rate_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `email_open_rate_strength`,
    ieee_divide(`t5`.`email_click_rate_hits`, NULLIF(`t5`.`email_click_rate_trials`, 0.0)) AS `email_click_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`email_click_rate_spread` - (
                    `t5`.`email_click_rate_hits` * ieee_divide(`t5`.`email_click_rate_hits`, NULLIF(`t5`.`email_click_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`email_click_rate_hits`, NULLIF(`t5`.`email_click_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`email_click_rate_hits`, NULLIF(`t5`.`email_click_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`email_click_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`email_click_rate_trials` - ieee_divide(`t5`.`email_click_rate_squares`, NULLIF(`t5`.`email_click_rate_trials`, 0.0))
                  ) - (
                    `t5`.`email_click_rate_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `email_click_rate_strength`,
    ieee_divide(`t5`.`ad_click_rate_hits`, NULLIF(`t5`.`ad_click_rate_trials`, 0.0)) AS `ad_click_rate_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`ad_click_rate_spread` - (
                    `t5`.`ad_click_rate_hits` * ieee_divide(`t5`.`ad_click_rate_hits`, NULLIF(`t5`.`ad_click_rate_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`ad_click_rate_hits`, NULLIF(`t5`.`ad_click_rate_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`ad_click_rate_hits`, NULLIF(`t5`.`ad_click_rate_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`ad_click_rate_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`ad_click_rate_trials` - ieee_divide(`t5`.`ad_click_rate_squares`, NULLIF(`t5`.`ad_click_rate_trials`, 0.0))
                  ) - (
                    `t5`.`ad_click_rate_tried` - 1.0
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
    ) AS INT64) AS FLOAT64) AS `ad_click_rate_strength`
  FROM (
    SELECT
      SUM(LEAST(`t3`.`mails_opened`, `t3`.`mails_sent`)) AS `email_open_rate_hits`,
      SUM(`t3`.`mails_sent`) AS `email_open_rate_trials`,
      SUM(`t3`.`mails_sent` * `t3`.`mails_sent`) AS `email_open_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`mails_opened`, `t3`.`mails_sent`) * LEAST(`t3`.`mails_opened`, `t3`.`mails_sent`),
          NULLIF(`t3`.`mails_sent`, 0.0)
        )
      ) AS `email_open_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`mails_sent` > 0), 0) AS FLOAT64) AS `email_open_rate_tried`,
      SUM(LEAST(`t3`.`mails_clicked`, `t3`.`mails_sent`)) AS `email_click_rate_hits`,
      SUM(`t3`.`mails_sent`) AS `email_click_rate_trials`,
      SUM(`t3`.`mails_sent` * `t3`.`mails_sent`) AS `email_click_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`mails_clicked`, `t3`.`mails_sent`) * LEAST(`t3`.`mails_clicked`, `t3`.`mails_sent`),
          NULLIF(`t3`.`mails_sent`, 0.0)
        )
      ) AS `email_click_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`mails_sent` > 0), 0) AS FLOAT64) AS `email_click_rate_tried`,
      SUM(LEAST(`t3`.`ads_followed`, `t3`.`ads_shown`)) AS `ad_click_rate_hits`,
      SUM(`t3`.`ads_shown`) AS `ad_click_rate_trials`,
      SUM(`t3`.`ads_shown` * `t3`.`ads_shown`) AS `ad_click_rate_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`ads_followed`, `t3`.`ads_shown`) * LEAST(`t3`.`ads_followed`, `t3`.`ads_shown`),
          NULLIF(`t3`.`ads_shown`, 0.0)
        )
      ) AS `ad_click_rate_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`ads_shown` > 0), 0) AS FLOAT64) AS `ad_click_rate_tried`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
