WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    CAST(COALESCE(COUNT_IF("t1"."day" > DATE_FROM_PARTS(2026, 11, 8)), 0) AS DOUBLE) AS "visits_7d",
    CAST(COALESCE(COUNT_IF("t1"."day" > DATE_FROM_PARTS(2026, 10, 16)), 0) AS DOUBLE) AS "visits_30d",
    CAST(COALESCE(COUNT_IF("t1"."day" > DATE_FROM_PARTS(2026, 8, 17)), 0) AS DOUBLE) AS "visits_90d",
    CAST(COALESCE(COUNT_IF("t1"."day" > DATE_FROM_PARTS(2026, 5, 19)), 0) AS DOUBLE) AS "visits_180d",
    AVG(IFF("t1"."day" > DATE_FROM_PARTS(2026, 5, 19), "t1"."duration_s", NULL)) AS "session_duration_mean",
    SUM(
      IFF(
        "t1"."day" > DATE_FROM_PARTS(2026, 5, 19),
        "t1"."page_views" + "t1"."product_views",
        NULL
      )
    ) AS "pages_seen",
    CAST(COALESCE(COUNT_IF("t1"."bounced" AND (
      "t1"."day" > DATE_FROM_PARTS(2026, 5, 19)
    )), 0) AS DOUBLE) AS "bounces",
    CAST(COALESCE(COUNT_IF("t1"."day" > DATE_FROM_PARTS(2026, 5, 19)), 0) AS DOUBLE) AS "sessions_begun"
  FROM (
    SELECT
      *
    FROM "sessions" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
  ) AS "t1"
  GROUP BY
    1
)
SELECT
  "t4"."customer_id",
  "t4"."visits_7d",
  "t4"."visits_30d",
  "t4"."visits_90d",
  "t4"."visits_180d",
  "t4"."session_duration_mean",
  "t4"."pages_seen" / NULLIF("t4"."sessions_begun", 0.0) AS "pages_per_session",
  (
    LEAST("t4"."bounces", "t4"."sessions_begun") + (
      "t7"."bounce_rate_strength" * "t7"."bounce_rate_mean"
    )
  ) / (
    NULLIF("t4"."sessions_begun", 0.0) + "t7"."bounce_rate_strength"
  ) AS "bounce_rate"
FROM "t2" AS "t4"
CROSS JOIN (
  SELECT
    "t5"."bounce_rate_hits" / NULLIF("t5"."bounce_rate_trials", 0.0) AS "bounce_rate_mean",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t5"."bounce_rate_spread" - (
                      "t5"."bounce_rate_hits" * (
                        "t5"."bounce_rate_hits" / NULLIF("t5"."bounce_rate_trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t5"."bounce_rate_hits" / NULLIF("t5"."bounce_rate_trials", 0.0)
                    ) * (
                      1.0 - (
                        "t5"."bounce_rate_hits" / NULLIF("t5"."bounce_rate_trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t5"."bounce_rate_tried" - 1.0
                )
              ) / NULLIF(
                (
                  "t5"."bounce_rate_trials" - (
                    "t5"."bounce_rate_squares" / NULLIF("t5"."bounce_rate_trials", 0.0)
                  )
                ) - (
                  "t5"."bounce_rate_tried" - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS "bounce_rate_strength"
  FROM (
    SELECT
      SUM(LEAST("t3"."bounces", "t3"."sessions_begun")) AS "bounce_rate_hits",
      SUM("t3"."sessions_begun") AS "bounce_rate_trials",
      SUM("t3"."sessions_begun" * "t3"."sessions_begun") AS "bounce_rate_squares",
      SUM(
        (
          LEAST("t3"."bounces", "t3"."sessions_begun") * LEAST("t3"."bounces", "t3"."sessions_begun")
        ) / NULLIF("t3"."sessions_begun", 0.0)
      ) AS "bounce_rate_spread",
      CAST(COALESCE(COUNT_IF("t3"."sessions_begun" > 0), 0) AS DOUBLE) AS "bounce_rate_tried"
    FROM "t2" AS "t3"
  ) AS "t5"
) AS "t7"
