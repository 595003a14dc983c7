SELECT
  `t5`.`customer_id`,
  `t5`.`frequency`,
  ieee_divide(CAST(DATE_DIFF(`t5`.`last`, `t5`.`first`, DAY) AS FLOAT64), 7.0) AS `recency`,
  ieee_divide(CAST(DATE_DIFF(DATE(2026, 11, 15), `t5`.`first`, DAY) AS FLOAT64), 7.0) AS `age`,
  ieee_divide(`t5`.`repeat_revenue`, NULLIF(`t5`.`frequency`, 0.0)) AS `spend`
FROM (
  SELECT
    `t4`.`customer_id`,
    MIN(`t4`.`day`) AS `first`,
    MAX(`t4`.`day`) AS `last`,
    CAST(SUM(`t4`.`repeated`) AS FLOAT64) AS `frequency`,
    SUM(IF(`t4`.`repeated` = 1, `t4`.`revenue`, CAST(NULL AS FLOAT64))) AS `repeat_revenue`
  FROM (
    SELECT
      `t3`.`customer_id`,
      `t3`.`day`,
      `t3`.`revenue`,
      MIN(`t3`.`day`) OVER (
        PARTITION BY `t3`.`customer_id`
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) AS `first`,
      IF(
        `t3`.`day` > MIN(`t3`.`day`) OVER (
          PARTITION BY `t3`.`customer_id`
          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ),
        1,
        0
      ) AS `repeated`
    FROM (
      SELECT
        *
      FROM (
        SELECT
          `t1`.`customer_id`,
          `t1`.`day`,
          SUM(`t1`.`revenue`) AS `revenue`
        FROM (
          SELECT
            *
          FROM `orders` AS `t0`
          WHERE
            `t0`.`lines` > 0
        ) AS `t1`
        GROUP BY
          1,
          2
      ) AS `t2`
      WHERE
        `t2`.`day` <= DATE(2026, 11, 15)
    ) AS `t3`
  ) AS `t4`
  GROUP BY
    1
) AS `t5`
