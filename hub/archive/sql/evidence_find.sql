-- evidence_find: reads only; a row = the file is here.
SELECT n.content_type FROM blob AS b JOIN evidence AS n ON n.digest = b.digest
 WHERE b.digest = :digest AND b.deleted_us IS NULL LIMIT 1;
