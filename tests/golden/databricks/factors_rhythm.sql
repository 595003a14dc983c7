SELECT
  `t4`.`customer_id`,
  `t4`.`gap_mean_days`,
  `t4`.`spread`,
  `t4`.`gaps`,
  IF(
    `t4`.`gaps` >= 2,
    TRY_DIVIDE(`t4`.`spread`, NULLIF(`t4`.`gap_mean_days`, 0.0)),
    CAST(NULL AS DOUBLE)
  ) AS `gap_cv`
FROM (
  SELECT
    `t3`.`customer_id`,
    AVG(`t3`.`gap`) AS `gap_mean_days`,
    STDDEV_SAMP(`t3`.`gap`) AS `spread`,
    COUNT(`t3`.`gap`) AS `gaps`
  FROM (
    SELECT
      `t2`.`customer_id`,
      `t2`.`day`,
      `t2`.`previous`,
      CAST(DATEDIFF(DAY, `t2`.`previous`, `t2`.`day`) AS DOUBLE) AS `gap`
    FROM (
      SELECT
        `t1`.`customer_id`,
        `t1`.`day`,
        LAG(`t1`.`day`) OVER (PARTITION BY `t1`.`customer_id` ORDER BY `t1`.`day` ASC NULLS LAST) AS `previous`
      FROM (
        SELECT DISTINCT
          `t0`.`customer_id`,
          `t0`.`day`
        FROM `orders` AS `t0`
        WHERE
          `t0`.`lines` > 0 AND `t0`.`day` <= MAKE_DATE(2026, 11, 15)
      ) AS `t1`
    ) AS `t2`
  ) AS `t3`
  GROUP BY
    1
) AS `t4`
