WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    AVG("t1"."duration_s") AS "session_duration_mean",
    SUM("t1"."page_views" + "t1"."product_views") AS "pages",
    SUM(CAST(IFF("t1"."bounced", 1, 0) AS DOUBLE)) AS "bounces",
    CAST(COUNT(*) AS DOUBLE) AS "visits"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."day",
      "t0"."duration_s",
      "t0"."page_views",
      "t0"."product_views",
      "t0"."bounced"
    FROM "sessions" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
      AND "t0"."day" > DATE_FROM_PARTS(2026, 5, 19)
  ) AS "t1"
  GROUP BY
    1
)
SELECT
  "t8"."customer_id",
  "t8"."session_duration_mean",
  "t8"."pages",
  "t8"."bounces",
  "t8"."visits",
  "t8"."bounce_rate",
  "t8"."pages" / NULLIF("t8"."visits", 0.0) AS "pages_per_session"
FROM (
  SELECT
    "t4"."customer_id",
    "t4"."session_duration_mean",
    "t4"."pages",
    "t4"."bounces",
    "t4"."visits",
    (
      LEAST("t4"."bounces", "t4"."visits") + (
        "t7"."prior_trials" * "t7"."prior_rate"
      )
    ) / (
      NULLIF("t4"."visits", 0.0) + "t7"."prior_trials"
    ) AS "bounce_rate"
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
        SUM(LEAST("t3"."bounces", "t3"."visits")) AS "hits",
        SUM("t3"."visits") AS "trials",
        SUM("t3"."visits" * "t3"."visits") AS "squares",
        SUM(
          (
            LEAST("t3"."bounces", "t3"."visits") * LEAST("t3"."bounces", "t3"."visits")
          ) / NULLIF("t3"."visits", 0.0)
        ) AS "spread",
        SUM(CAST(IFF("t3"."visits" > 0, 1, 0) AS DOUBLE)) AS "customers"
      FROM "t2" AS "t3"
    ) AS "t5"
  ) AS "t7"
) AS "t8"
