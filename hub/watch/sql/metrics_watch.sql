-- metrics_watch: reads only.
SELECT state, count(*) FROM watch_camera GROUP BY state;
