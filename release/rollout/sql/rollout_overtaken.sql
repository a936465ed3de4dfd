-- rollout_overtaken: reads only; a row = a newer rollout has this device now, and in which state that one is.
SELECT n.state FROM rollout_device AS d JOIN rollout AS n ON n.id = d.rollout
 WHERE d.device = :device AND n.id > :rollout AND d.want = 'new' AND d.state <> 'left'
 ORDER BY n.id DESC LIMIT 1;
