-- rollout_history_add: 1 row = one more line of the rollout's history.
INSERT INTO rollout_history (rollout, n, at_us, who, what, device, text)
SELECT :rollout, COALESCE(MAX(n), 0) + 1, :at_us, :who, :what, :device, :text
  FROM rollout_history WHERE rollout = :rollout;
