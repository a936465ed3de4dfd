-- run_end: 1 row = it has ended now; 0 rows = it had ended before, or another lease holds it.
UPDATE run SET state = :state, why = :why, ended_us = :now_us, lease_until_us = NULL, updated_us = :now_us,
       version = version + 1
 WHERE id = :run AND state IN ('queued', 'leased') AND (:lease IS NULL OR (lease = :lease AND state = 'leased'));
