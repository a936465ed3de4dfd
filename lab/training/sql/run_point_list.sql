-- run_point_list: reads only.
SELECT step, at_us, told FROM run_point WHERE run = :run ORDER BY step;
