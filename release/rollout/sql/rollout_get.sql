-- rollout_get: reads only; at most one row.
SELECT id, version, state, why, model, name, manifest, repository, key, condition, canary, false_alarm_limit,
       soak_s, stages, stage, stage_us, release, note, started_by, started_us, updated_us, ended_us
  FROM rollout WHERE id = :id;
