-- event_put: 1 row = stored; 0 rows = a revision at least as high is kept already.
INSERT INTO event (id, incident, revision, device, camera, rule_id, rule_version, severity,
                   class_name, start_us, update_us, end_us, score, model_name, model_digest,
                   snapshot, width_px, height_px, captured_us, boxes, zone_points, json, received_us, kind)
VALUES (:id, :incident, :revision, :device, :camera, :rule_id, :rule_version, :severity,
        :class_name, :start_us, :update_us, :end_us, :score, :model_name, :model_digest,
        :snapshot, :width_px, :height_px, :captured_us, :boxes, :zone_points, :json, :received_us, :kind)
ON CONFLICT (id) DO UPDATE SET
  revision = excluded.revision, rule_version = excluded.rule_version,
  severity = excluded.severity, class_name = excluded.class_name, start_us = excluded.start_us,
  update_us = excluded.update_us, end_us = excluded.end_us, score = excluded.score,
  model_name = excluded.model_name, model_digest = excluded.model_digest,
  snapshot = excluded.snapshot, width_px = excluded.width_px, height_px = excluded.height_px,
  captured_us = excluded.captured_us, boxes = excluded.boxes, zone_points = excluded.zone_points,
  json = excluded.json, received_us = excluded.received_us
WHERE excluded.revision > event.revision;
