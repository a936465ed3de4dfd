-- run_point_thin: so many points went: every second one.
DELETE FROM run_point WHERE run = :run AND step IN
  (SELECT step FROM (SELECT step, ROW_NUMBER() OVER (ORDER BY step) AS n FROM run_point WHERE run = :run) WHERE n % 2 = 0);
