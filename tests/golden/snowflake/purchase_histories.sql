SELECT
  "t5"."customer_id",
  "t5"."frequency",
  CAST(DATEDIFF(DAY, "t5"."first", "t5"."last") AS DOUBLE) / 7.0 AS "recency",
  CAST(DATEDIFF(DAY, "t5"."first", DATE_FROM_PARTS(2026, 11, 15)) AS DOUBLE) / 7.0 AS "age",
  "t5"."repeat_revenue" / NULLIF("t5"."frequency", 0.0) AS "spend"
FROM (
  SELECT
    "t4"."customer_id",
    MIN("t4"."day") AS "first",
    MAX("t4"."day") AS "last",
    CAST(SUM("t4"."repeated") AS DOUBLE) AS "frequency",
    SUM(IFF("t4"."repeated" = 1, "t4"."revenue", CAST(NULL AS DOUBLE))) AS "repeat_revenue"
  FROM (
    SELECT
      "t3"."customer_id",
      "t3"."day",
      "t3"."revenue",
      MIN("t3"."day") OVER (
        PARTITION BY "t3"."customer_id"
        ORDER BY NULL ASC
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS "first",
      IFF(
        "t3"."day" > MIN("t3"."day") OVER (
          PARTITION BY "t3"."customer_id"
          ORDER BY NULL ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ),
        1,
        0
      ) AS "repeated"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t1"."customer_id",
          "t1"."day",
          SUM("t1"."revenue") AS "revenue"
        FROM (
          SELECT
            *
          FROM "orders" AS "t0"
          WHERE
            "t0"."lines" > 0
        ) AS "t1"
        GROUP BY
          1,
          2
      ) AS "t2"
      WHERE
        "t2"."day" <= DATE_FROM_PARTS(2026, 11, 15)
    ) AS "t3"
  ) AS "t4"
  GROUP BY
    1
) AS "t5"
