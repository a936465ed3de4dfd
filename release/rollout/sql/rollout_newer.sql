-- rollout_newer: reads only; a row = a newer rollout that is under way is going to tell this device.
SELECT n.state FROM rollout_device AS d JOIN rollout AS n ON n.id = d.rollout
 WHERE d.device = :device AND n.id > :rollout AND d.state <> 'left' AND n.state IN ('canary', 'stages')
 ORDER BY n.id DESC LIMIT 1;
