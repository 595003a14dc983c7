WITH `t7` AS (
  SELECT
    `t5`.`value`,
    CAST(`t5`.`people` AS FLOAT64) AS `people`
  FROM (
    SELECT
      `t2`.`country` AS `value`,
      COUNT(*) AS `people`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`country`,
        `t0`.`acquisition_channel`
      FROM `customers` AS `t0`
      WHERE
        `t0`.`country` IS NOT NULL
    ) AS `t2`
    GROUP BY
      1
  ) AS `t5`
), `t8` AS (
  SELECT
    `t6`.`value`,
    CAST(`t6`.`people` AS FLOAT64) AS `people`
  FROM (
    SELECT
      `t4`.`acquisition_channel` AS `value`,
      COUNT(*) AS `people`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`country`,
        `t0`.`acquisition_channel`
      FROM `customers` AS `t0`
      WHERE
        `t0`.`acquisition_channel` IS NOT NULL
    ) AS `t4`
    GROUP BY
      1
  ) AS `t6`
)
SELECT
  `t23`.`customer_id`,
  `t23`.`country_share`,
  `t20`.`acquisition_channel_share`
FROM (
  SELECT
    `t21`.*
    EXCEPT (`value`)
  FROM (
    SELECT
      `t3`.`customer_id`,
      `t3`.`country`,
      `t3`.`acquisition_channel`,
      `t19`.`value`,
      `t19`.`country_share`
    FROM (
      SELECT
        `t0`.`customer_id`,
        `t0`.`country`,
        `t0`.`acquisition_channel`
      FROM `customers` AS `t0`
    ) AS `t3`
    LEFT OUTER JOIN (
      SELECT
        `t11`.`value`,
        ieee_divide(`t11`.`people`, NULLIF(`t15`.`all_people`, 0.0)) AS `country_share`
      FROM `t7` AS `t11`
      CROSS JOIN (
        SELECT
          SUM(`t9`.`people`) AS `all_people`
        FROM `t7` AS `t9`
      ) AS `t15`
    ) AS `t19`
      ON `t3`.`country` = `t19`.`value`
  ) AS `t21`
) AS `t23`
LEFT OUTER JOIN (
  SELECT
    `t12`.`value`,
    ieee_divide(`t12`.`people`, NULLIF(`t16`.`all_people`, 0.0)) AS `acquisition_channel_share`
  FROM `t8` AS `t12`
  CROSS JOIN (
    SELECT
      SUM(`t10`.`people`) AS `all_people`
    FROM `t8` AS `t10`
  ) AS `t16`
) AS `t20`
  ON `t23`.`acquisition_channel` = `t20`.`value`
