WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    SUM("t1"."revenue" + "t1"."discount") AS "list_price",
    SUM("t1"."discount") AS "taken_off",
    CAST(COALESCE(COUNT_IF("t1"."discount" > 0), 0) AS DOUBLE) AS "discounted_orders",
    CAST(COUNT(*) AS DOUBLE) AS "orders_in_all"
  FROM (
    SELECT
      *
    FROM "orders" AS "t0"
    WHERE
      "t0"."lines" > 0 AND "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
  ) AS "t1"
  GROUP BY
    1
)
SELECT
  "t4"."customer_id",
  (
    LEAST(
      COALESCE(
        (
          "t4"."orders_in_all" * "t4"."taken_off"
        ) / NULLIF("t4"."list_price", 0.0),
        0.0
      ),
      IFF("t4"."list_price" > 0, "t4"."orders_in_all", 0.0)
    ) + (
      "t7"."discount_share_strength" * "t7"."discount_share_mean"
    )
  ) / (
    NULLIF(IFF("t4"."list_price" > 0, "t4"."orders_in_all", 0.0), 0.0) + "t7"."discount_share_strength"
  ) AS "discount_share",
  (
    LEAST("t4"."discounted_orders", "t4"."orders_in_all") + (
      "t7"."discount_order_rate_strength" * "t7"."discount_order_rate_mean"
    )
  ) / (
    NULLIF("t4"."orders_in_all", 0.0) + "t7"."discount_order_rate_strength"
  ) AS "discount_order_rate"
FROM "t2" AS "t4"
CROSS JOIN (
  SELECT
    "t5"."discount_share_hits" / NULLIF("t5"."discount_share_trials", 0.0) AS "discount_share_mean",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t5"."discount_share_spread" - (
                      "t5"."discount_share_hits" * (
                        "t5"."discount_share_hits" / NULLIF("t5"."discount_share_trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t5"."discount_share_hits" / NULLIF("t5"."discount_share_trials", 0.0)
                    ) * (
                      1.0 - (
                        "t5"."discount_share_hits" / NULLIF("t5"."discount_share_trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t5"."discount_share_tried" - 1.0
                )
              ) / NULLIF(
                (
                  "t5"."discount_share_trials" - (
                    "t5"."discount_share_squares" / NULLIF("t5"."discount_share_trials", 0.0)
                  )
                ) - (
                  "t5"."discount_share_tried" - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS "discount_share_strength",
    "t5"."discount_order_rate_hits" / NULLIF("t5"."discount_order_rate_trials", 0.0) AS "discount_order_rate_mean",
    CAST(CAST(ROUND(
      GREATEST(
        (
          1.0 / GREATEST(
            COALESCE(
              (
                (
                  (
                    "t5"."discount_order_rate_spread" - (
                      "t5"."discount_order_rate_hits" * (
                        "t5"."discount_order_rate_hits" / NULLIF("t5"."discount_order_rate_trials", 0.0)
                      )
                    )
                  ) / NULLIF(
                    (
                      "t5"."discount_order_rate_hits" / NULLIF("t5"."discount_order_rate_trials", 0.0)
                    ) * (
                      1.0 - (
                        "t5"."discount_order_rate_hits" / NULLIF("t5"."discount_order_rate_trials", 0.0)
                      )
                    ),
                    0.0
                  )
                ) - (
                  "t5"."discount_order_rate_tried" - 1.0
                )
              ) / NULLIF(
                (
                  "t5"."discount_order_rate_trials" - (
                    "t5"."discount_order_rate_squares" / NULLIF("t5"."discount_order_rate_trials", 0.0)
                  )
                ) - (
                  "t5"."discount_order_rate_tried" - 1.0
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
    ) AS BIGINT) AS DOUBLE) AS "discount_order_rate_strength"
  FROM (
    SELECT
      SUM(
        LEAST(
          COALESCE(
            (
              "t3"."orders_in_all" * "t3"."taken_off"
            ) / NULLIF("t3"."list_price", 0.0),
            0.0
          ),
          IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0)
        )
      ) AS "discount_share_hits",
      SUM(IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0)) AS "discount_share_trials",
      SUM(
        IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0) * IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0)
      ) AS "discount_share_squares",
      SUM(
        (
          LEAST(
            COALESCE(
              (
                "t3"."orders_in_all" * "t3"."taken_off"
              ) / NULLIF("t3"."list_price", 0.0),
              0.0
            ),
            IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0)
          ) * LEAST(
            COALESCE(
              (
                "t3"."orders_in_all" * "t3"."taken_off"
              ) / NULLIF("t3"."list_price", 0.0),
              0.0
            ),
            IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0)
          )
        ) / NULLIF(IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0), 0.0)
      ) AS "discount_share_spread",
      CAST(COALESCE(COUNT_IF(IFF("t3"."list_price" > 0, "t3"."orders_in_all", 0.0) > 0), 0) AS DOUBLE) AS "discount_share_tried",
      SUM(LEAST("t3"."discounted_orders", "t3"."orders_in_all")) AS "discount_order_rate_hits",
      SUM("t3"."orders_in_all") AS "discount_order_rate_trials",
      SUM("t3"."orders_in_all" * "t3"."orders_in_all") AS "discount_order_rate_squares",
      SUM(
        (
          LEAST("t3"."discounted_orders", "t3"."orders_in_all") * LEAST("t3"."discounted_orders", "t3"."orders_in_all")
        ) / NULLIF("t3"."orders_in_all", 0.0)
      ) AS "discount_order_rate_spread",
      CAST(COALESCE(COUNT_IF("t3"."orders_in_all" > 0), 0) AS DOUBLE) AS "discount_order_rate_tried"
    FROM "t2" AS "t3"
  ) AS "t5"
) AS "t7"
