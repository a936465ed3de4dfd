-- incident_counts: reads only; the last is what :who is looking after.
SELECT COALESCE(SUM(state = 'open'), 0), COALESCE(SUM(state = 'acknowledged'), 0),
       COALESCE(SUM(state = 'resolved'), 0),
       COALESCE(SUM(state = 'acknowledged' AND acknowledged_by = :who), 0) FROM incident;
