SELECT
  `t4`.`customer_id`,
  `t4`.`day`,
  SUM(`t4`.`events`) AS `events`,
  SUM(`t4`.`page_views`) AS `page_views`,
  SUM(`t4`.`product_views`) AS `product_views`,
  SUM(`t4`.`searches`) AS `searches`,
  SUM(`t4`.`carts`) AS `carts`,
  SUM(`t4`.`checkouts`) AS `checkouts`,
  SUM(`t4`.`purchases`) AS `purchases`,
  SUM(`t4`.`refunds`) AS `refunds`,
  SUM(`t4`.`emails_sent`) AS `emails_sent`,
  SUM(`t4`.`emails_opened`) AS `emails_opened`,
  SUM(`t4`.`emails_clicked`) AS `emails_clicked`,
  SUM(`t4`.`unsubscribes`) AS `unsubscribes`,
  SUM(`t4`.`pushes_opened`) AS `pushes_opened`,
  SUM(`t4`.`ads_seen`) AS `ads_seen`,
  SUM(`t4`.`ads_clicked`) AS `ads_clicked`,
  SUM(`t4`.`social_actions`) AS `social_actions`,
  SUM(`t4`.`service_contacts`) AS `service_contacts`,
  SUM(`t4`.`store_visits`) AS `store_visits`,
  SUM(`t4`.`revenue`) AS `revenue`,
  SUM(`t4`.`margin`) AS `margin`,
  SUM(`t4`.`discount`) AS `discount`,
  SUM(`t4`.`quantity`) AS `quantity`,
  SUM(`t4`.`refund_value`) AS `refund_value`,
  SUM(`t4`.`other`) AS `other`,
  SUM(`t4`.`device_events`) AS `device_events`,
  SUM(`t4`.`mobile_events`) AS `mobile_events`,
  SUM(`t4`.`channel_events`) AS `channel_events`,
  SUM(`t4`.`app_events`) AS `app_events`,
  SUM(`t4`.`store_events`) AS `store_events`
FROM (
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `activity_daily` AS `t0`
  ) AS `t2`
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      *
    FROM `new_activity_daily` AS `t1`
  ) AS `t3`
) AS `t4`
GROUP BY
  1,
  2
