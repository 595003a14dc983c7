WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    SUM("t1"."product_views") AS "views",
    SUM("t1"."carts") AS "carts",
    SUM("t1"."checkouts") AS "checkouts",
    SUM(CAST(IFF("t1"."carts" > 0, 1, 0) AS DOUBLE)) AS "cart_days",
    SUM(CAST(IFF((
      "t1"."carts" > 0
    ) AND (
      "t1"."purchases" = 0
    ), 1, 0) AS DOUBLE)) AS "abandoned_days"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."day",
      "t0"."product_views",
      "t0"."carts",
      "t0"."checkouts",
      "t0"."purchases"
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
  "t4"."views",
  "t4"."carts",
  "t4"."checkouts",
  "t4"."cart_days",
  "t4"."abandoned_days",
  (
    LEAST("t4"."carts", "t4"."views") + (
      "t11"."prior_trials" * "t11"."prior_rate"
    )
  ) / (
    NULLIF("t4"."views", 0.0) + "t11"."prior_trials"
  ) AS "cart_rate",
  (
    LEAST("t4"."checkouts", "t4"."carts") + (
      "t12"."prior_trials" * "t12"."prior_rate"
    )
  ) / (
    NULLIF("t4"."carts", 0.0) + "t12"."prior_trials"
  ) AS "checkout_rate",
  (
    LEAST("t4"."abandoned_days", "t4"."cart_days") + (
      "t13"."prior_trials" * "t13"."prior_rate"
    )
  ) / (
    NULLIF("t4"."cart_days", 0.0) + "t13"."prior_trials"
  ) AS "cart_abandonment"
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
      SUM(LEAST("t3"."carts", "t3"."views")) AS "hits",
      SUM("t3"."views") AS "trials",
      SUM("t3"."views" * "t3"."views") AS "squares",
      SUM(
        (
          LEAST("t3"."carts", "t3"."views") * LEAST("t3"."carts", "t3"."views")
        ) / NULLIF("t3"."views", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."views" > 0, 1, 0) AS DOUBLE)) AS "customers"
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
      SUM(LEAST("t3"."checkouts", "t3"."carts")) AS "hits",
      SUM("t3"."carts") AS "trials",
      SUM("t3"."carts" * "t3"."carts") AS "squares",
      SUM(
        (
          LEAST("t3"."checkouts", "t3"."carts") * LEAST("t3"."checkouts", "t3"."carts")
        ) / NULLIF("t3"."carts", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."carts" > 0, 1, 0) AS DOUBLE)) AS "customers"
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
      SUM(LEAST("t3"."abandoned_days", "t3"."cart_days")) AS "hits",
      SUM("t3"."cart_days") AS "trials",
      SUM("t3"."cart_days" * "t3"."cart_days") AS "squares",
      SUM(
        (
          LEAST("t3"."abandoned_days", "t3"."cart_days") * LEAST("t3"."abandoned_days", "t3"."cart_days")
        ) / NULLIF("t3"."cart_days", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t3"."cart_days" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t2" AS "t3"
  ) AS "t7"
) AS "t13"
