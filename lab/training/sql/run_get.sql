-- run_get: reads only; a run whose lease ran out waits again.
SELECT id, version, kind, name,
       CASE WHEN state = 'leased' AND lease_until_us < :now_us THEN 'queued' ELSE state END,
       config, dataset, model, split, created_by, created_us, started_us, updated_us, ended_us, worker,
       CASE WHEN state = 'leased' AND lease_until_us >= :now_us THEN lease_until_us END,
       attempts, step, steps, why, summary
  FROM run WHERE id = :run;
