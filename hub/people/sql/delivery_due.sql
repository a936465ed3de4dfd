-- delivery_due: reads only; the next to send. An e-mail waits :wait_us for a picture to arrive.
SELECT d.id, d.incident, d.channel, d.target, d.subject, d.attempts, d.created_us,
       (SELECT e.snapshot FROM event AS e JOIN blob AS b ON b.digest = e.snapshot
         WHERE e.incident = d.incident AND b.deleted_us IS NULL ORDER BY e.score DESC LIMIT 1)
         AS picture,
       i.title, i.device, i.camera, i.rule_id, i.zone, i.severity, i.started_us, i.score
  FROM delivery AS d JOIN incident AS i ON i.id = d.incident
 WHERE d.next_us <= :now_us
   AND (d.channel <> 'email' OR picture IS NOT NULL OR d.created_us + :wait_us <= :now_us)
 ORDER BY d.next_us, d.id LIMIT 1;
