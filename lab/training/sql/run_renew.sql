-- run_renew: 1 row = the lease goes on; 0 rows = it is not this one's any more, or the run has ended.
UPDATE run SET lease_until_us = :until_us, step = COALESCE(:step, step), steps = COALESCE(:steps, steps),
       updated_us = :now_us, version = version + 1
 WHERE id = :run AND lease = :lease AND state = 'leased';
