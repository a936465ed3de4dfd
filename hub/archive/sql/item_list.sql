-- item_list: reads only; oldest first.
SELECT id, picture, width_px, height_px, boxes, verdict, model_name, model_digest, rule_id,
       rule_version, incident, event, device, camera, captured_us, labelled_us, labelled_by
  FROM item
 WHERE withdrawn_us IS NULL AND (:verdict IS NULL OR verdict = :verdict)
   AND (:after IS NULL OR id > :after)
 ORDER BY id LIMIT :limit;
