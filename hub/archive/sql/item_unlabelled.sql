-- item_unlabelled: reads only; the first event of a resolved incident that should have a label and has none.
SELECT e.id FROM event AS e JOIN incident AS i ON i.id = e.incident
 WHERE e.incident = :incident AND i.state = 'resolved' AND e.snapshot IS NOT NULL
   AND e.kind NOT IN ('drift', 'health') -- its picture shows a lens, not what the model took it for
   AND NOT EXISTS (SELECT 1 FROM item AS t WHERE t.event = e.id AND t.withdrawn_us IS NULL)
 ORDER BY e.start_us, e.id LIMIT 1;
