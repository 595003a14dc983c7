WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    SUM(IFF("t1"."day" > DATE_FROM_PARTS(2026, 10, 16), "t1"."revenue", 0.0)) / 30.0 AS "revenue_recent",
    SUM(IFF(NOT (
      "t1"."day" > DATE_FROM_PARTS(2026, 10, 16)
    ), "t1"."revenue", 0.0)) / 90.0 AS "revenue_before",
    SUM(
      CAST(IFF(
        (
          "t1"."day" > DATE_FROM_PARTS(2026, 10, 16)
        )
        AND (
          (
            (
              "t1"."events" - "t1"."emails_sent"
            ) - "t1"."ads_seen"
          ) > 0
        ),
        1,
        0
      ) AS DOUBLE)
    ) / 30.0 AS "activity_recent",
    SUM(
      CAST(IFF(
        NOT (
          "t1"."day" > DATE_FROM_PARTS(2026, 10, 16)
        )
        AND (
          (
            (
              "t1"."events" - "t1"."emails_sent"
            ) - "t1"."ads_seen"
          ) > 0
        ),
        1,
        0
      ) AS DOUBLE)
    ) / 90.0 AS "activity_before"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."day",
      "t0"."events",
      "t0"."emails_sent",
      "t0"."ads_seen",
      "t0"."revenue"
    FROM "activity_daily" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
      AND "t0"."day" > DATE_FROM_PARTS(2026, 7, 18)
  ) AS "t1"
  GROUP BY
    1
)
SELECT
  "t4"."customer_id",
  COALESCE(
    (
      "t4"."revenue_recent" - "t4"."revenue_before"
    ) / NULLIF("t4"."revenue_recent" + "t4"."revenue_before" + "t6"."revenue_prior", 0.0),
    0.0
  ) AS "trend_revenue",
  COALESCE(
    (
      "t4"."activity_recent" - "t4"."activity_before"
    ) / NULLIF("t4"."activity_recent" + "t4"."activity_before" + "t6"."activity_prior", 0.0),
    0.0
  ) AS "trend_activity"
FROM "t2" AS "t4"
CROSS JOIN (
  SELECT
    AVG("t3"."revenue_recent" + "t3"."revenue_before") AS "revenue_prior",
    AVG("t3"."activity_recent" + "t3"."activity_before") AS "activity_prior"
  FROM "t2" AS "t3"
) AS "t6"
