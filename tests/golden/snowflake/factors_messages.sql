WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    SUM("t1"."emails_sent") AS "sent",
    SUM("t1"."emails_opened") AS "opened",
    SUM("t1"."emails_clicked") AS "clicked",
    SUM("t1"."ads_seen") AS "ads",
    SUM("t1"."ads_clicked") AS "followed",
    SUM(IFF("t1"."day" > DATE_FROM_PARTS(2026, 8, 17), "t1"."pushes_opened", 0.0)) AS "push_opens_90d",
    SUM(IFF("t1"."day" > DATE_FROM_PARTS(2026, 8, 17), "t1"."ads_clicked", 0.0)) AS "ads_clicked_90d"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."day",
      "t0"."emails_sent",
      "t0"."emails_opened",
      "t0"."emails_clicked",
      "t0"."pushes_opened",
      "t0"."ads_seen",
      "t0"."ads_clicked"
    FROM "activity_daily" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
      AND "t0"."day" > DATE_FROM_PARTS(2026, 5, 19)
  ) AS "t1"
  GROUP BY
    1
)
SELECT
  "t4"."customer_id",
  "t4"."sent",
  "t4"."opened",
  "t4"."clicked",
  "t4"."ads",
  "t4"."followed",
  "t4"."push_opens_90d",
  "t4"."ads_clicked_90d",
  (
    LEAST("t4"."opened", "t4"."sent") + (
      "t11"."prior_trials" * "t11"."prior_rate"
    )
  ) / (
    NULLIF("t4"."sent", 0.0) + "t11"."prior_trials"
  ) AS "email_open_rate",
  (
    LEAST("t4"."clicked", "t4"."sent") + (
      "t12"."prior_trials" * "t12"."prior_rate"
    )
  ) / (
    NULLIF("t4"."sent", 0.0) + "t12"."prior_trials"
  ) AS "email_click_rate",
  (
    LEAST("t4"."followed", "t4"."ads") + (
      "t13"."prior_trials" * "t13"."prior_rate"
    )
  ) / (
    NULLIF("t4"."ads", 0.0) + "t13"."prior_trials"
  ) AS "ad_click_rate"
FROM "t2" AS "t4"
CROSS JOIN (
  SELECT
    "t5"."hits" / NULLIF("t5"."trials", 0.0) AS "prior_rate",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t5"."spread" - (
                      "t5"."hits" * (
                        "t5"."hits" / NULLIF("t5"."trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t5"."hits" / NULLIF("t5"."trials", 0.0)
                    ) * (
                      1.0 - (
                        "t5"."hits" / NULLIF("t5"."trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t5"."customers" - 1.0
                )
              ) / NULLIF(
                (
                  "t5"."trials" - (
                    "t5"."squares" / NULLIF("t5"."trials", 0.0)
                  )
                ) - (
                  "t5"."customers" - 1.0
                ),
                0.0
              ),
              0.09090909090909091
            ),
            0.004975124378109453
          )
        ) - 1.0,
        2.0
      ),
      0
    ) AS BIGINT) AS DOUBLE) AS "prior_trials"
  FROM (
    SELECT
      SUM(LEAST("t3"."opened", "t3"."sent")) AS "hits",
      SUM("t3"."sent") AS "trials",
      SUM("t3"."sent" * "t3"."sent") AS "squares",
      SUM(
        (
          LEAST("t3"."opened", "t3"."sent") * LEAST("t3"."opened", "t3"."sent")
        ) / NULLIF("t3"."sent", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."sent" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t2" AS "t3"
  ) AS "t5"
) AS "t11"
CROSS JOIN (
  SELECT
    "t6"."hits" / NULLIF("t6"."trials", 0.0) AS "prior_rate",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t6"."spread" - (
                      "t6"."hits" * (
                        "t6"."hits" / NULLIF("t6"."trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t6"."hits" / NULLIF("t6"."trials", 0.0)
                    ) * (
                      1.0 - (
                        "t6"."hits" / NULLIF("t6"."trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t6"."customers" - 1.0
                )
              ) / NULLIF(
                (
                  "t6"."trials" - (
                    "t6"."squares" / NULLIF("t6"."trials", 0.0)
                  )
                ) - (
                  "t6"."customers" - 1.0
                ),
                0.0
              ),
              0.09090909090909091
            ),
            0.004975124378109453
          )
        ) - 1.0,
        2.0
      ),
      0
    ) AS BIGINT) AS DOUBLE) AS "prior_trials"
  FROM (
    SELECT
      SUM(LEAST("t3"."clicked", "t3"."sent")) AS "hits",
      SUM("t3"."sent") AS "trials",
      SUM("t3"."sent" * "t3"."sent") AS "squares",
      SUM(
        (
          LEAST("t3"."clicked", "t3"."sent") * LEAST("t3"."clicked", "t3"."sent")
        ) / NULLIF("t3"."sent", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."sent" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t2" AS "t3"
  ) AS "t6"
) AS "t12"
CROSS JOIN (
  SELECT
    "t7"."hits" / NULLIF("t7"."trials", 0.0) AS "prior_rate",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t7"."spread" - (
                      "t7"."hits" * (
                        "t7"."hits" / NULLIF("t7"."trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t7"."hits" / NULLIF("t7"."trials", 0.0)
                    ) * (
                      1.0 - (
                        "t7"."hits" / NULLIF("t7"."trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t7"."customers" - 1.0
                )
              ) / NULLIF(
                (
                  "t7"."trials" - (
                    "t7"."squares" / NULLIF("t7"."trials", 0.0)
                  )
                ) - (
                  "t7"."customers" - 1.0
                ),
                0.0
              ),
              0.09090909090909091
            ),
            0.004975124378109453
          )
        ) - 1.0,
        2.0
      ),
      0
    ) AS BIGINT) AS DOUBLE) AS "prior_trials"
  FROM (
    SELECT
      SUM(LEAST("t3"."followed", "t3"."ads")) AS "hits",
      SUM("t3"."ads") AS "trials",
      SUM("t3"."ads" * "t3"."ads") AS "squares",
      SUM(
        (
          LEAST("t3"."followed", "t3"."ads") * LEAST("t3"."followed", "t3"."ads")
        ) / NULLIF("t3"."ads", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."ads" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t2" AS "t3"
  ) AS "t7"
) AS "t13"
