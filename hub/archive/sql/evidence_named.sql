-- evidence_named: reads only; a row = an event, or a sample, of this device names the file.
SELECT n.bytes, n.content_type, b.digest IS NOT NULL
  FROM (SELECT digest, bytes, content_type FROM evidence
         WHERE digest = :digest AND device = :device
         UNION ALL SELECT digest, bytes, content_type FROM blob_use
         WHERE digest = :digest AND device = :device AND bytes IS NOT NULL) AS n
  LEFT JOIN blob AS b ON b.digest = n.digest
 LIMIT 1;
