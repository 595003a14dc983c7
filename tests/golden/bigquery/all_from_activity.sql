WITH `t2` AS (
  SELECT
    `t1`.`customer_id`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`device_events`, NULL)) AS `by_device`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`mobile_events`, NULL)) AS `by_mobile`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`channel_events`, NULL)) AS `by_channel`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`app_events`, NULL)) AS `by_app`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`store_events`, NULL)) AS `by_store`,
    CAST(COALESCE(
      COUNTIF(
        (
          (
            (
              `t1`.`events` - `t1`.`emails_sent`
            ) - `t1`.`ads_seen`
          ) > 0
        )
        AND (
          `t1`.`day` > DATE(2026, 8, 17)
        )
      ),
      0
    ) AS FLOAT64) AS `active_days_90d`,
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
    ) AS FLOAT64) AS `abandoned_days`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_sent`, NULL)) AS `mails_sent`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_opened`, NULL)) AS `mails_opened`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`emails_clicked`, NULL)) AS `mails_clicked`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`ads_seen`, NULL)) AS `ads_shown`,
    SUM(IF(`t1`.`day` > DATE(2026, 5, 19), `t1`.`ads_clicked`, NULL)) AS `ads_followed`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`pushes_opened`, NULL)), 0.0) AS `push_opens_90d`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`ads_clicked`, NULL)), 0.0) AS `ads_clicked_90d`,
    MIN(
      IF(
        (
          (
            `t1`.`events` - `t1`.`emails_sent`
          ) - `t1`.`ads_seen`
        ) > 0,
        `t1`.`day`,
        NULL
      )
    ) AS `first_active`,
    MAX(
      IF(
        (
          (
            `t1`.`events` - `t1`.`emails_sent`
          ) - `t1`.`ads_seen`
        ) > 0,
        `t1`.`day`,
        NULL
      )
    ) AS `last_active`,
    MAX(IF(`t1`.`purchases` > 0, `t1`.`day`, NULL)) AS `last_purchase`,
    SUM(`t1`.`revenue`) AS `received`,
    SUM(`t1`.`refund_value`) AS `refunded`,
    CAST(COALESCE(COUNTIF(`t1`.`revenue` > 0), 0) AS FLOAT64) AS `purchase_days`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`service_contacts`, NULL)), 0.0) AS `service_contacts_90d`,
    COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 8, 17), `t1`.`social_actions`, NULL)), 0.0) AS `social_actions_90d`,
    ieee_divide(
      COALESCE(SUM(IF(`t1`.`day` > DATE(2026, 10, 16), `t1`.`revenue`, NULL)), 0.0),
      30.0
    ) AS `revenue_recent`,
    ieee_divide(
      COALESCE(
        SUM(
          IF(
            (
              `t1`.`day` > DATE(2026, 7, 18)
            )
            AND NOT (
              `t1`.`day` > DATE(2026, 10, 16)
            ),
            `t1`.`revenue`,
            NULL
          )
        ),
        0.0
      ),
      90.0
    ) AS `revenue_before`,
    ieee_divide(
      CAST(COALESCE(
        COUNTIF(
          (
            `t1`.`day` > DATE(2026, 10, 16)
          )
          AND (
            (
              (
                `t1`.`events` - `t1`.`emails_sent`
              ) - `t1`.`ads_seen`
            ) > 0
          )
        ),
        0
      ) AS FLOAT64),
      30.0
    ) AS `activity_recent`,
    ieee_divide(
      CAST(COALESCE(
        COUNTIF(
          (
            `t1`.`day` > DATE(2026, 7, 18)
          )
          AND NOT (
            `t1`.`day` > DATE(2026, 10, 16)
          )
          AND (
            (
              (
                `t1`.`events` - `t1`.`emails_sent`
              ) - `t1`.`ads_seen`
            ) > 0
          )
        ),
        0
      ) AS FLOAT64),
      90.0
    ) AS `activity_before`,
    CAST(COALESCE(COUNTIF(`t1`.`day` > DATE(2026, 7, 18)), 0) AS FLOAT64) AS `days_seen`
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
    LEAST(`t4`.`by_mobile`, `t4`.`by_device`) + (
      `t7`.`mobile_share_strength` * `t7`.`mobile_share_mean`
    ),
    NULLIF(`t4`.`by_device`, 0.0) + `t7`.`mobile_share_strength`
  ) AS `mobile_share`,
  ieee_divide(
    LEAST(`t4`.`by_app`, `t4`.`by_channel`) + (
      `t7`.`app_share_strength` * `t7`.`app_share_mean`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t7`.`app_share_strength`
  ) AS `app_share`,
  ieee_divide(
    LEAST(`t4`.`by_store`, `t4`.`by_channel`) + (
      `t7`.`store_share_strength` * `t7`.`store_share_mean`
    ),
    NULLIF(`t4`.`by_channel`, 0.0) + `t7`.`store_share_strength`
  ) AS `store_share`,
  `t4`.`active_days_90d`,
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
  ) AS `cart_abandonment`,
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
  `t4`.`ads_clicked_90d`,
  -(
    DATE_DIFF(`t4`.`last_active`, DATE(2026, 11, 15), DAY)
  ) AS `days_since_last_activity`,
  -(
    DATE_DIFF(`t4`.`last_purchase`, DATE(2026, 11, 15), DAY)
  ) AS `days_since_last_purchase`,
  -(
    DATE_DIFF(`t4`.`first_active`, DATE(2026, 11, 15), DAY)
  ) AS `tenure_days`,
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
  ) AS `return_rate`,
  `t4`.`service_contacts_90d`,
  `t4`.`social_actions_90d`,
  COALESCE(
    ieee_divide(
      `t4`.`revenue_recent` - `t4`.`revenue_before`,
      NULLIF(`t4`.`revenue_recent` + `t4`.`revenue_before` + `t7`.`revenue_prior`, 0.0)
    ),
    0.0
  ) AS `trend_revenue`,
  COALESCE(
    ieee_divide(
      `t4`.`activity_recent` - `t4`.`activity_before`,
      NULLIF(`t4`.`activity_recent` + `t4`.`activity_before` + `t7`.`activity_prior`, 0.0)
    ),
    0.0
  ) AS `trend_activity`
FROM `t2` AS `t4`
CROSS JOIN (
  SELECT
    `t5`.`revenue_prior`,
    `t5`.`activity_prior`,
    ieee_divide(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0)) AS `mobile_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`mobile_share_spread` - (
                    `t5`.`mobile_share_hits` * ieee_divide(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`mobile_share_hits`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`mobile_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`mobile_share_trials` - ieee_divide(`t5`.`mobile_share_squares`, NULLIF(`t5`.`mobile_share_trials`, 0.0))
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
    ) AS INT64) AS FLOAT64) AS `mobile_share_strength`,
    ieee_divide(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0)) AS `app_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`app_share_spread` - (
                    `t5`.`app_share_hits` * ieee_divide(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`app_share_hits`, NULLIF(`t5`.`app_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`app_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`app_share_trials` - ieee_divide(`t5`.`app_share_squares`, NULLIF(`t5`.`app_share_trials`, 0.0))
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
    ) AS INT64) AS FLOAT64) AS `app_share_strength`,
    ieee_divide(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0)) AS `store_share_mean`,
    CAST(CAST(ROUND(
      GREATEST(
        ieee_divide(
          1.0,
          GREATEST(
            COALESCE(
              ieee_divide(
                ieee_divide(
                  `t5`.`store_share_spread` - (
                    `t5`.`store_share_hits` * ieee_divide(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0))
                  ),
                  NULLIF(
                    ieee_divide(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0)) * (
                      1.0 - ieee_divide(`t5`.`store_share_hits`, NULLIF(`t5`.`store_share_trials`, 0.0))
                    ),
                    0.0
                  )
                ) - (
                  `t5`.`store_share_tried` - 1.0
                ),
                NULLIF(
                  (
                    `t5`.`store_share_trials` - ieee_divide(`t5`.`store_share_squares`, NULLIF(`t5`.`store_share_trials`, 0.0))
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
    ) AS INT64) AS FLOAT64) AS `store_share_strength`,
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
    ) AS INT64) AS FLOAT64) AS `cart_abandonment_strength`,
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
    ) AS INT64) AS FLOAT64) AS `ad_click_rate_strength`,
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
      SUM(LEAST(`t3`.`by_mobile`, `t3`.`by_device`)) AS `mobile_share_hits`,
      SUM(`t3`.`by_device`) AS `mobile_share_trials`,
      SUM(`t3`.`by_device` * `t3`.`by_device`) AS `mobile_share_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_mobile`, `t3`.`by_device`) * LEAST(`t3`.`by_mobile`, `t3`.`by_device`),
          NULLIF(`t3`.`by_device`, 0.0)
        )
      ) AS `mobile_share_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`by_device` > 0), 0) AS FLOAT64) AS `mobile_share_tried`,
      SUM(LEAST(`t3`.`by_app`, `t3`.`by_channel`)) AS `app_share_hits`,
      SUM(`t3`.`by_channel`) AS `app_share_trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `app_share_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_app`, `t3`.`by_channel`) * LEAST(`t3`.`by_app`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `app_share_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`by_channel` > 0), 0) AS FLOAT64) AS `app_share_tried`,
      SUM(LEAST(`t3`.`by_store`, `t3`.`by_channel`)) AS `store_share_hits`,
      SUM(`t3`.`by_channel`) AS `store_share_trials`,
      SUM(`t3`.`by_channel` * `t3`.`by_channel`) AS `store_share_squares`,
      SUM(
        ieee_divide(
          LEAST(`t3`.`by_store`, `t3`.`by_channel`) * LEAST(`t3`.`by_store`, `t3`.`by_channel`),
          NULLIF(`t3`.`by_channel`, 0.0)
        )
      ) AS `store_share_spread`,
      CAST(COALESCE(COUNTIF(`t3`.`by_channel` > 0), 0) AS FLOAT64) AS `store_share_tried`,
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
      CAST(COALESCE(COUNTIF(`t3`.`cart_days` > 0), 0) AS FLOAT64) AS `cart_abandonment_tried`,
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
      CAST(COALESCE(COUNTIF(`t3`.`ads_shown` > 0), 0) AS FLOAT64) AS `ad_click_rate_tried`,
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
      CAST(COALESCE(COUNTIF(`t3`.`purchase_days` > 0), 0) AS FLOAT64) AS `return_rate_tried`,
      AVG(IF(`t3`.`days_seen` > 0, `t3`.`revenue_recent` + `t3`.`revenue_before`, NULL)) AS `revenue_prior`,
      AVG(IF(`t3`.`days_seen` > 0, `t3`.`activity_recent` + `t3`.`activity_before`, NULL)) AS `activity_prior`
    FROM `t2` AS `t3`
  ) AS `t5`
) AS `t7`
