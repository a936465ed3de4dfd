-- run_point_put: 1 row; what was there for this step goes.
INSERT OR REPLACE INTO run_point (run, step, at_us, told) VALUES (:run, :step, :now_us, :told);
