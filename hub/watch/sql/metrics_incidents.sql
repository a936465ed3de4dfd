-- metrics_incidents: reads only.
SELECT state, count(*) FROM incident GROUP BY state;
