-- incident_get: reads only; the columns are those of incident_list.
SELECT i.id, i.version, i.state, i.title, i.device, i.camera, i.rule_id, i.zone, i.severity,
       i.started_us, i.ended_us, i.updated_us, i.event_count, i.score, i.acknowledged_by,
       i.acknowledged_us, i.resolved_by, i.resolved_us, i.verdict, i.note,
       e.snapshot, e.boxes, e.zone_points,
       (SELECT f.zone_points FROM event AS f WHERE f.incident = i.id ORDER BY f.id LIMIT 1)
  FROM incident AS i LEFT JOIN event AS e ON e.id = i.best_event
 WHERE i.id = :id;
