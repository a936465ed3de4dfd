-- rollout_history_list: reads only; oldest first, the last 500.
SELECT at_us, who, what, device, text FROM
 (SELECT n, at_us, who, what, device, text FROM rollout_history WHERE rollout = :rollout ORDER BY n DESC LIMIT 500)
 ORDER BY n;
