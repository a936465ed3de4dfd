-- run_take: 1 row = the worker holds it now; 0 rows = another was faster.
UPDATE run SET state = 'leased', lease = :lease, lease_until_us = :until_us, worker = :worker,
       attempts = attempts + 1, lost = lost + (state = 'leased'), started_us = COALESCE(started_us, :now_us),
       updated_us = :now_us, version = version + 1
 WHERE id = :run AND (state = 'queued' OR (state = 'leased' AND lease_until_us < :now_us));
