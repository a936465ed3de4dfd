-- insights_hours: reads only.
SELECT i.started_us / 3600000000 * 3600000000,
       coalesce((SELECT e.kind FROM event AS e WHERE e.incident = i.id LIMIT 1), 'zone') AS kind,
       i.rule_id, count(*), sum(coalesce(i.verdict, '') = 'false_alarm')
  FROM incident AS i WHERE i.started_us >= :from_us AND i.started_us < :to_us
 GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3 LIMIT 20000;
