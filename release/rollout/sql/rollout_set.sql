-- rollout_set: 1 row = changed; 0 rows = somebody changed it since :version was read.
UPDATE rollout
   SET version = version + 1, state = :state, why = :why, canary = :canary, stage = :stage, stage_us = :stage_us,
       release = :release, updated_us = :now_us, ended_us = :ended_us
 WHERE id = :id AND version = :version;
