SELECT
  `t4`.`customer_id`,
  `t4`.`category`,
  `t4`.`day`,
  SUM(`t4`.`interactions`) AS `interactions`,
  SUM(`t4`.`revenue`) AS `revenue`
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `categories_daily` AS `t0`
  ) AS `t2`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `new_categories_daily` AS `t1`
  ) AS `t3`
) AS `t4`
GROUP BY
  1,
  2,
  3
