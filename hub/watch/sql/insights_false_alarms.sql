-- insights_false_alarms: reads only; incidents that a person called true or a false alarm, by the model
-- that saw their first event.
SELECT i.device, i.camera, e.model_name, e.model_digest, count(*), sum(i.verdict = 'false_alarm')
  FROM incident AS i JOIN event AS e ON e.id =
       (SELECT f.id FROM event AS f WHERE f.incident = i.id ORDER BY f.start_us, f.id LIMIT 1)
 WHERE i.started_us >= :from_us AND i.started_us < :to_us AND i.state = 'resolved'
   AND i.verdict IN ('true', 'false_alarm') AND e.kind NOT IN ('drift', 'health')
 GROUP BY i.device, i.camera, e.model_digest ORDER BY 1, 2, 3, 4 LIMIT 20000;
