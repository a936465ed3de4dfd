-- model_devices: reads only; devices that report the model, as a whole or for cameras.
SELECT t.device, m.name, json_extract(t.reported, '$.model.state'),
       json_extract(t.reported, '$.model.since'),
       (SELECT json_group_array(c.key) FROM json_each(t.reported, '$.cameras') AS c
         WHERE COALESCE(json_extract(c.value, '$.model.digest'),
                        json_extract(t.reported, '$.model.digest')) = m.digest)
  FROM model AS m JOIN twin AS t
    ON json_extract(t.reported, '$.model.digest') = m.digest
    OR EXISTS (SELECT 1 FROM json_each(t.reported, '$.cameras') AS c
                WHERE json_extract(c.value, '$.model.digest') = m.digest)
 WHERE m.digest = :digest ORDER BY t.device LIMIT 1000;
