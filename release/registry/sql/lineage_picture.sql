-- lineage_picture: reads only; a row = the pool or an event knows the picture.
SELECT 1 FROM pool WHERE picture = :digest
UNION ALL SELECT 1 FROM evidence WHERE digest = :digest LIMIT 1;
