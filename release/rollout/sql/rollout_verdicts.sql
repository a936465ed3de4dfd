-- rollout_verdicts: reads only; people's verdicts on what the model raised on the rollout's devices since each took
-- it, and on what other models raised there in the 30 days before. Duplicates say nothing about a model.
SELECT COUNT(DISTINCT CASE WHEN e.model_digest = :model AND e.start_us >= d.active_us THEN i.id END),
       COUNT(DISTINCT CASE WHEN e.model_digest = :model AND e.start_us >= d.active_us
                            AND i.verdict = 'false_alarm' THEN i.id END),
       COUNT(DISTINCT CASE WHEN e.model_digest <> :model AND e.start_us < d.active_us THEN i.id END),
       COUNT(DISTINCT CASE WHEN e.model_digest <> :model AND e.start_us < d.active_us
                            AND i.verdict = 'false_alarm' THEN i.id END)
  FROM rollout_device AS d
  JOIN event AS e ON e.device = d.device AND e.start_us >= d.active_us - 2592000000000
  JOIN incident AS i ON i.id = e.incident
 WHERE d.rollout = :rollout AND d.active_us IS NOT NULL
   AND i.state = 'resolved' AND i.verdict IS NOT NULL AND i.verdict <> 'duplicate';
