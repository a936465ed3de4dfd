-- insights_acknowledged_nth: reads one row; the time the :nth quickest took, from 0.
SELECT max(0, coalesce(acknowledged_us, resolved_us) - started_us) FROM incident
 WHERE started_us >= :from_us AND started_us < :to_us
   AND coalesce(acknowledged_us, resolved_us) IS NOT NULL
 ORDER BY 1 LIMIT 1 OFFSET :nth;
