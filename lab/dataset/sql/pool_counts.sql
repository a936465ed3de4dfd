-- pool_counts: reads only.
SELECT state, COUNT(*) FROM pool GROUP BY state;
