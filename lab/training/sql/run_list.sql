-- run_list: reads only; newest first, from the cursor on. NULL parameters filter nothing.
SELECT id, version, kind, name,
       CASE WHEN state = 'leased' AND lease_until_us < :now_us THEN 'queued' ELSE state END AS shown,
       config, dataset, model, split, created_by, created_us, started_us, updated_us, ended_us, worker,
       CASE WHEN state = 'leased' AND lease_until_us >= :now_us THEN lease_until_us END,
       attempts, step, steps, why, summary
  FROM run
 WHERE (:kind IS NULL OR kind = :kind) AND (:dataset IS NULL OR dataset = :dataset)
   AND (:model IS NULL OR model = :model) AND (:before IS NULL OR id < :before)
   AND ((shown = 'queued' AND :queued) OR (shown = 'leased' AND :leased) OR (shown = 'done' AND :done)
        OR (shown = 'failed' AND :failed) OR (shown = 'cancelled' AND :cancelled))
 ORDER BY id DESC LIMIT :limit;
