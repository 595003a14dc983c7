SELECT
  "t2"."customer_id",
  -(
    DATEDIFF(DAY, DATE_FROM_PARTS(2026, 11, 15), "t2"."last_active")
  ) AS "days_since_last_activity",
  -(
    DATEDIFF(DAY, DATE_FROM_PARTS(2026, 11, 15), "t2"."last_purchase")
  ) AS "days_since_last_purchase",
  -(
    DATEDIFF(DAY, DATE_FROM_PARTS(2026, 11, 15), "t2"."first_active")
  ) AS "tenure_days"
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
        NULL
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
        NULL
      )
    ) AS "last_active",
    MAX(IFF("t1"."purchases" > 0, "t1"."day", NULL)) AS "last_purchase"
  FROM (
    SELECT
      *
    FROM "activity_daily" AS "t0"
    WHERE
      "t0"."day" <= DATE_FROM_PARTS(2026, 11, 15)
  ) AS "t1"
  GROUP BY
    1
) AS "t2"
