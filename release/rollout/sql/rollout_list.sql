-- rollout_list: reads only; newest first, before the cursor. :states is a text like ',canary,done,' or NULL.
SELECT id, version, state, why, model, name, manifest, repository, key, condition, canary, false_alarm_limit,
       soak_s, stages, stage, stage_us, release, note, started_by, started_us, updated_us, ended_us
  FROM rollout
 WHERE (:before IS NULL OR id < :before)
   AND (:states IS NULL OR instr(:states, ',' || state || ',') > 0)
 ORDER BY id DESC LIMIT :limit;
