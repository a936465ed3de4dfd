-- rollout_overtaken: reads only; a row = a newer rollout has told this device something.
SELECT n.id FROM rollout_device AS d JOIN rollout AS n ON n.id = d.rollout
 WHERE d.device = :device AND n.id > :rollout AND d.want <> 'nothing' AND n.state <> 'returned'
 ORDER BY n.id DESC LIMIT 1;
