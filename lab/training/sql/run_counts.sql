-- run_counts: reads only; a run whose lease ran out waits again.
SELECT COALESCE(SUM(state = 'queued' OR lease_until_us < :now_us), 0),
       COALESCE(SUM(state = 'leased' AND lease_until_us >= :now_us), 0)
  FROM run WHERE state IN ('queued', 'leased');
