-- insights_acknowledged: reads one row; resolving without a word before counts as acknowledging.
SELECT count(*), count(coalesce(acknowledged_us, resolved_us)), coalesce(sum(state = 'open'), 0)
  FROM incident WHERE started_us >= :from_us AND started_us < :to_us;
