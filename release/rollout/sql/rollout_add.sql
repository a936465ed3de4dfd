-- rollout_add: 1 row = it is there now, with its canary still to come.
INSERT INTO rollout (id, version, state, model, name, manifest, repository, key, condition, canary,
                     false_alarm_limit, soak_s, stages, stage, stage_us, release, note, started_by, started_us,
                     updated_us)
VALUES (:id, 1, 'canary', :model, :name, :manifest, :repository, :key, :condition, :canary,
        :false_alarm_limit, :soak_s, :stages, 0, :now_us, :release, :note, :who, :now_us, :now_us);
