-- pool_items: reads only; the labelled items of an incident that teach something. Last: whether its
-- fact is of no one thing (too many, nobody there): then its first box is not the judged one.
SELECT picture, width_px, height_px, boxes, verdict, model_name, model_digest, device, camera,
       captured_us, labelled_by, incident,
       EXISTS (SELECT 1 FROM event AS e WHERE e.id = item.event
                  AND e.kind IN ('zone', 'line', 'count', 'absence', 'inspection')
                  AND COALESCE(json_extract(item.boxes, '$[0].track'), 0) = 0)
  FROM item WHERE incident = :incident AND withdrawn_us IS NULL AND verdict <> 'duplicate'
 ORDER BY id;
