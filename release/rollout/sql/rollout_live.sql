-- rollout_live: reads only; those that may still have something to do, oldest first.
SELECT id, version, state, why, model, name, manifest, repository, key, condition, canary, false_alarm_limit,
       soak_s, stages, stage, stage_us, release, note, started_by, started_us, updated_us, ended_us
  FROM rollout AS r
 WHERE r.state IN ('canary', 'stages', 'done', 'halted')
    OR EXISTS (SELECT 1 FROM rollout_device AS d
                WHERE d.rollout = r.id AND d.want = 'former' AND (d.written = 0 OR d.state = 'returning'))
 ORDER BY r.id;
