-- incident_counts: reads only.
SELECT COALESCE(SUM(state = 'open'), 0), COALESCE(SUM(state = 'acknowledged'), 0),
       COALESCE(SUM(state = 'resolved'), 0) FROM incident;
