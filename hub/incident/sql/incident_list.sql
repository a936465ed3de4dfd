-- incident_list: reads only; newest first, from the cursor on. NULL parameters filter nothing.
SELECT i.id, i.version, i.state, i.title, i.device, i.camera, i.rule_id, i.zone, i.severity,
       i.started_us, i.ended_us, i.updated_us, i.event_count, i.score, i.acknowledged_by,
       i.acknowledged_us, i.resolved_by, i.resolved_us, i.verdict, i.note,
       e.snapshot, e.boxes, e.zone_points,
       (SELECT f.zone_points FROM event AS f WHERE f.incident = i.id ORDER BY f.id LIMIT 1)
  FROM incident AS i LEFT JOIN event AS e ON e.id = i.best_event
 WHERE ((i.state = 'open' AND :open) OR (i.state = 'acknowledged' AND :acknowledged)
        OR (i.state = 'resolved' AND :resolved))
   AND (:camera IS NULL OR i.camera = :camera)
   AND (:device IS NULL OR i.device = :device)
   AND (:rule IS NULL OR i.rule_id = :rule)
   AND (:severity IS NULL OR i.severity = :severity)
   AND (:acknowledged_by IS NULL OR i.acknowledged_by = :acknowledged_by)
   AND (:verdict IS NULL OR i.verdict = :verdict)
   AND (:since_us IS NULL OR i.started_us >= :since_us)
   AND (:until_us IS NULL OR i.started_us < :until_us)
   AND (:q IS NULL OR (i.title || char(10) || i.device || char(10) || i.camera || char(10) ||
        i.rule_id || char(10) || i.zone || char(10) || COALESCE(i.note, '')) LIKE :q ESCAPE '\')
   AND (:before_us IS NULL OR (i.started_us, i.id) < (:before_us, :before_id))
 ORDER BY i.started_us DESC, i.id DESC LIMIT :limit;
