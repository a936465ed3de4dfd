-- incident_refresh: 1 row = what the incident says of its events is true again, its version is one higher.
UPDATE incident SET
  version = version + 1, updated_us = :now_us,
  started_us = e.started, ended_us = CASE WHEN e.going > 0 THEN NULL ELSE e.ended END,
  last_us = e.last, event_count = e.count, score = e.score, severity = e.severity,
  best_event = (SELECT id FROM event WHERE incident = :id AND snapshot IS NOT NULL
                 ORDER BY score DESC, id LIMIT 1)
FROM (SELECT MIN(start_us) AS started, MAX(end_us) AS ended, SUM(end_us IS NULL) AS going,
             MAX(MAX(COALESCE(end_us, update_us), start_us)) AS last, COUNT(*) AS count,
             MAX(score) AS score, MAX(severity) AS severity
        FROM event WHERE incident = :id) AS e
WHERE id = :id;
