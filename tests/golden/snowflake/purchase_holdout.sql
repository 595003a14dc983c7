SELECT
  "t3"."customer_id",
  CAST(COUNT("t3"."day") AS DOUBLE) AS "purchases",
  SUM("t3"."revenue") AS "value"
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
    "t2"."day" > DATE_FROM_PARTS(2026, 8, 17)
    AND "t2"."day" <= DATE_FROM_PARTS(2026, 11, 15)
) AS "t3"
GROUP BY
  1
