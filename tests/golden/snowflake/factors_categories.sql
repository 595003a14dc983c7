WITH "t3" AS (
  SELECT
    "t2"."customer_id",
    SUM(CAST(IFF("t2"."last" > DATE_FROM_PARTS(2026, 5, 19), 1, 0) AS DOUBLE)) AS "category_breadth",
    MAX("t2"."interest") AS "favourite",
    SUM("t2"."interest") AS "interest",
    SUM(CAST(IFF("t2"."last" > DATE_FROM_PARTS(2026, 8, 17), 1, 0) AS DOUBLE)) AS "current",
    SUM(CAST(IFF("t2"."first" > DATE_FROM_PARTS(2026, 8, 17), 1, 0) AS DOUBLE)) AS "novel"
  FROM (
    SELECT
      "t1"."customer_id",
      "t1"."category",
      MIN("t1"."day") AS "first",
      MAX("t1"."day") AS "last",
      SUM(IFF("t1"."day" > DATE_FROM_PARTS(2026, 5, 19), "t1"."interactions", 0.0)) AS "interest"
    FROM (
      SELECT
        "t0"."customer_id",
        "t0"."day",
        "t0"."category",
        "t0"."interactions"
      FROM "categories_daily" AS "t0"
      WHERE
        "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
    ) AS "t1"
    GROUP BY
      1,
      2
  ) AS "t2"
  GROUP BY
    1
)
SELECT
  "t5"."customer_id",
  "t5"."category_breadth",
  "t5"."favourite",
  "t5"."interest",
  "t5"."current",
  "t5"."novel",
  (
    LEAST("t5"."favourite", "t5"."interest") + (
      "t10"."prior_trials" * "t10"."prior_rate"
    )
  ) / (
    NULLIF("t5"."interest", 0.0) + "t10"."prior_trials"
  ) AS "category_focus",
  (
    LEAST("t5"."novel", "t5"."current") + (
      "t11"."prior_trials" * "t11"."prior_rate"
    )
  ) / (
    NULLIF("t5"."current", 0.0) + "t11"."prior_trials"
  ) AS "novelty_share"
FROM "t3" AS "t5"
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
      SUM(LEAST("t4"."favourite", "t4"."interest")) AS "hits",
      SUM("t4"."interest") AS "trials",
      SUM("t4"."interest" * "t4"."interest") AS "squares",
      SUM(
        (
          LEAST("t4"."favourite", "t4"."interest") * LEAST("t4"."favourite", "t4"."interest")
        ) / NULLIF("t4"."interest", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t4"."interest" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t3" AS "t4"
  ) AS "t6"
) AS "t10"
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
      SUM(LEAST("t4"."novel", "t4"."current")) AS "hits",
      SUM("t4"."current") AS "trials",
      SUM("t4"."current" * "t4"."current") AS "squares",
      SUM(
        (
          LEAST("t4"."novel", "t4"."current") * LEAST("t4"."novel", "t4"."current")
        ) / NULLIF("t4"."current", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t4"."current" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t3" AS "t4"
  ) AS "t7"
) AS "t11"
