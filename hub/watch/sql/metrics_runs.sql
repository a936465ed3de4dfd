-- metrics_runs: reads only.
SELECT state, count(*) FROM run GROUP BY state;
