-- metrics_deliveries: reads only.
SELECT state, count(*) FROM delivery GROUP BY state;
