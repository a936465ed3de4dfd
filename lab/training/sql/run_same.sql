-- run_same: reads only; a run that is to do exactly this and has not ended.
SELECT id FROM run WHERE state IN ('queued', 'leased') AND kind = :kind AND config = :config LIMIT 1;
