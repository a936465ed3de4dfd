-- model_related: reads only; models of a dataset or a run, children or parent of a model.
SELECT m.digest, m.id, m.name, m.version, m.state, m.manifest, m.key, m.bytes, m.classes,
       m.score_min, m.reference_pictures, m.dataset, m.run, m.parent, m.note, m.registered_us,
       m.registered_by, m.approved_us, m.approved_by, m.forced, m.descriptor, m.labels,
       (SELECT COUNT(*) FROM twin AS t
         WHERE json_extract(t.reported, '$.model.digest') = m.digest
            OR EXISTS (SELECT 1 FROM json_each(t.reported, '$.cameras') AS c
                        WHERE json_extract(c.value, '$.model.digest') = m.digest))
  FROM model AS m
 WHERE m.dataset = :thing OR m.run = :thing OR m.parent = :thing OR m.digest = :thing
    OR m.digest = (SELECT p.parent FROM model AS p WHERE p.digest = :thing)
 ORDER BY m.id DESC LIMIT 200;
