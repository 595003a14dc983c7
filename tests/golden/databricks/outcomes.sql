SELECT
  `t15`.`customer_id`,
  LN(COALESCE(`t15`.`revenue`, 0.0) + 1.0) AS `log_revenue`,
  CAST(IF(COALESCE(`t15`.`orders`, 0.0) > 0, 1, 0) AS DOUBLE) AS `converted`,
  LN(
    NULLIF(
      TRY_DIVIDE(COALESCE(`t15`.`revenue`, 0.0), NULLIF(COALESCE(`t15`.`orders`, 0.0), 0.0)),
      0.0
    )
  ) AS `log_aov`,
  CAST(IF(COALESCE(`t15`.`actions`, 0.0) > 0, 0, 1) AS DOUBLE) AS `churned`,
  TRY_DIVIDE(COALESCE(`t15`.`refund_value`, 0.0), NULLIF(COALESCE(`t15`.`revenue`, 0.0), 0.0)) AS `returned`,
  TRY_DIVIDE(COALESCE(`t15`.`responses`, 0.0), NULLIF(COALESCE(`t15`.`sent`, 0.0), 0.0)) AS `responded`
FROM (
  SELECT
    `t14`.`customer_id`,
    `t14`.`revenue`,
    `t14`.`refund_value`,
    `t14`.`actions`,
    `t14`.`sent`,
    `t14`.`responses`,
    `t14`.`orders`
  FROM (
    SELECT
      `t13`.`customer_id`,
      `t13`.`revenue`,
      `t13`.`refund_value`,
      `t13`.`actions`,
      `t13`.`sent`,
      `t13`.`responses`,
      `t8`.`customer_id` AS `customer_id_right`,
      `t8`.`orders`
    FROM (
      SELECT
        `t11`.`customer_id`,
        `t11`.`revenue`,
        `t11`.`refund_value`,
        `t11`.`actions`,
        `t11`.`sent`,
        `t11`.`responses`
      FROM (
        SELECT
          `t5`.`customer_id`,
          `t10`.`customer_id` AS `customer_id_right`,
          `t10`.`revenue`,
          `t10`.`refund_value`,
          `t10`.`actions`,
          `t10`.`sent`,
          `t10`.`responses`
        FROM (
          SELECT
            `t1`.`customer_id`
          FROM `customers` AS `t1`
        ) AS `t5`
        LEFT OUTER JOIN (
          SELECT
            `t6`.`customer_id`,
            SUM(`t6`.`revenue`) AS `revenue`,
            SUM(`t6`.`refund_value`) AS `refund_value`,
            SUM((
              `t6`.`events` - `t6`.`emails_sent`
            ) - `t6`.`ads_seen`) AS `actions`,
            SUM(`t6`.`emails_sent`) AS `sent`,
            SUM(`t6`.`emails_opened` + `t6`.`emails_clicked`) AS `responses`
          FROM (
            SELECT
              *
            FROM `activity_daily` AS `t2`
            WHERE
              `t2`.`day` > MAKE_DATE(2026, 8, 17) AND `t2`.`day` <= MAKE_DATE(2026, 11, 15)
          ) AS `t6`
          GROUP BY
            1
        ) AS `t10`
          ON `t5`.`customer_id` = `t10`.`customer_id`
      ) AS `t11`
    ) AS `t13`
    LEFT OUTER JOIN (
      SELECT
        `t4`.`customer_id`,
        CAST(COUNT(*) AS DOUBLE) AS `orders`
      FROM (
        SELECT
          *
        FROM `orders` AS `t0`
        WHERE
          `t0`.`lines` > 0
          AND `t0`.`day` > MAKE_DATE(2026, 8, 17)
          AND `t0`.`day` <= MAKE_DATE(2026, 11, 15)
      ) AS `t4`
      GROUP BY
        1
    ) AS `t8`
      ON `t13`.`customer_id` = `t8`.`customer_id`
  ) AS `t14`
) AS `t15`
