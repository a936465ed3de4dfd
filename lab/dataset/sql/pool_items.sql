-- pool_items: reads only; the labelled items of an incident that teach something.
SELECT picture, width_px, height_px, boxes, verdict, model_name, model_digest, device, camera,
       captured_us, labelled_by, incident
  FROM item WHERE incident = :incident AND withdrawn_us IS NULL AND verdict <> 'duplicate'
 ORDER BY id;
