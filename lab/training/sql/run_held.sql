-- run_held: reads only.
SELECT state, lease IS :lease, kind FROM run WHERE id = :run;
