-- blob_used: reads only; a row = somebody needs the file and it is here.
SELECT u.content_type FROM blob_use AS u JOIN blob AS b ON b.digest = u.digest
 WHERE u.digest = :digest AND b.deleted_us IS NULL ORDER BY u.what <> 'pool' LIMIT 1;
