-- run_point_count: reads only.
SELECT COUNT(*) FROM run_point WHERE run = :run;
