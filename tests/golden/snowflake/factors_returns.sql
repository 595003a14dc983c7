WITH "t3" AS (
  SELECT
    "t2"."customer_id",
    "t2"."revenue",
    "t2"."refunded",
    "t2"."purchase_days",
    COALESCE((
      "t2"."purchase_days" * "t2"."refunded"
    ) / NULLIF("t2"."revenue", 0.0), 0.0) AS "returned_days"
  FROM (
    SELECT
      "t1"."customer_id",
      SUM("t1"."revenue") AS "revenue",
      SUM("t1"."refund_value") AS "refunded",
      SUM(CAST(IFF("t1"."revenue" > 0, 1, 0) AS DOUBLE)) AS "purchase_days"
    FROM (
      SELECT
        "t0"."customer_id",
        "t0"."day",
        "t0"."revenue",
        "t0"."refund_value"
      FROM "activity_daily" AS "t0"
      WHERE
        "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
    ) AS "t1"
    GROUP BY
      1
  ) AS "t2"
)
SELECT
  "t5"."customer_id",
  "t5"."revenue",
  "t5"."refunded",
  "t5"."purchase_days",
  "t5"."returned_days",
  (
    LEAST("t5"."returned_days", "t5"."purchase_days") + (
      "t8"."prior_trials" * "t8"."prior_rate"
    )
  ) / (
    NULLIF("t5"."purchase_days", 0.0) + "t8"."prior_trials"
  ) AS "return_rate"
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
      SUM(LEAST("t4"."returned_days", "t4"."purchase_days")) AS "hits",
      SUM("t4"."purchase_days") AS "trials",
      SUM("t4"."purchase_days" * "t4"."purchase_days") AS "squares",
      SUM(
        (
          LEAST("t4"."returned_days", "t4"."purchase_days") * LEAST("t4"."returned_days", "t4"."purchase_days")
        ) / NULLIF("t4"."purchase_days", 0.0)
      ) AS "spread",
      SUM(CAST(IFF("t4"."purchase_days" > 0, 1, 0) AS DOUBLE)) AS "customers"
    FROM "t3" AS "t4"
  ) AS "t6"
) AS "t8"
