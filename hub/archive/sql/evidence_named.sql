-- evidence_named: reads only; a row = an event of this device names the file.
SELECT n.bytes, n.content_type, b.digest IS NOT NULL
  FROM evidence AS n LEFT JOIN blob AS b ON b.digest = n.digest
 WHERE n.digest = :digest AND n.device = :device LIMIT 1;
