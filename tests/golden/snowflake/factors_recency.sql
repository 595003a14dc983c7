SELECT
  "t2"."customer_id",
  DATEDIFF(DAY, "t2"."last_active", DATE_FROM_PARTS(2026, 11, 15)) AS "days_since_last_activity",
  DATEDIFF(DAY, "t2"."last_purchase", DATE_FROM_PARTS(2026, 11, 15)) AS "days_since_last_purchase",
  DATEDIFF(DAY, "t2"."first_active", DATE_FROM_PARTS(2026, 11, 15)) AS "tenure_days"
FROM (
  SELECT
    "t1"."customer_id",
    MIN(
      IFF(
        (
          (
            "t1"."events" - "t1"."emails_sent"
          ) - "t1"."ads_seen"
        ) > 0,
        "t1"."day",
        CAST(NULL AS DATE)
      )
    ) AS "first_active",
    MAX(
      IFF(
        (
          (
            "t1"."events" - "t1"."emails_sent"
          ) - "t1"."ads_seen"
        ) > 0,
        "t1"."day",
        CAST(NULL AS DATE)
      )
    ) AS "last_active",
    MAX(IFF("t1"."purchases" > 0, "t1"."day", CAST(NULL AS DATE))) AS "last_purchase"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."day",
      "t0"."events",
      "t0"."emails_sent",
      "t0"."ads_seen",
      "t0"."purchases"
    FROM "activity_daily" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
  ) AS "t1"
  GROUP BY
    1
) AS "t2"
