-- item_label: rows = events of a resolved incident that have a picture and had no label yet.
INSERT INTO item (id, picture, width_px, height_px, boxes, verdict, model_name, model_digest,
                  rule_id, rule_version, incident, event, device, camera, captured_us,
                  labelled_us, labelled_by)
SELECT :id, e.snapshot, e.width_px, e.height_px, e.boxes, i.verdict, e.model_name, e.model_digest,
       e.rule_id, e.rule_version, e.incident, e.id, e.device, e.camera,
       COALESCE(e.captured_us, e.start_us), i.resolved_us, i.resolved_by
  FROM event AS e JOIN incident AS i ON i.id = e.incident
 WHERE e.id = :event AND i.state = 'resolved' AND e.snapshot IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM item AS t WHERE t.event = e.id AND t.withdrawn_us IS NULL);
