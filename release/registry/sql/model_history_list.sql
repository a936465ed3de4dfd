-- model_history_list: reads only; oldest first.
SELECT at_us, who, what, reason, verdict FROM model_history WHERE model = :model ORDER BY id
 LIMIT 500;
