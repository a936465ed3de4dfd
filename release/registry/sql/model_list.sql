-- model_list: reads only; newest first. :states is 'candidate,champion' or NULL.
SELECT m.digest, m.id, m.name, m.version, m.state, m.manifest, m.key, m.bytes, m.classes,
       m.score_min, m.reference_pictures, m.dataset, m.run, m.parent, m.note, m.registered_us,
       m.registered_by, m.approved_us, m.approved_by, m.forced, m.descriptor, m.labels,
       (SELECT COUNT(*) FROM twin AS t
         WHERE json_extract(t.reported, '$.model.digest') = m.digest
            OR EXISTS (SELECT 1 FROM json_each(t.reported, '$.cameras') AS c
                        WHERE json_extract(c.value, '$.model.digest') = m.digest))
  FROM model AS m
 WHERE (:name IS NULL OR m.name = :name)
   AND (:states IS NULL OR instr(',' || :states || ',', ',' || m.state || ',') > 0)
   AND (:cursor IS NULL OR m.id < :cursor)
 ORDER BY m.id DESC LIMIT :limit;
