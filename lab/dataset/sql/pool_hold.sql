-- pool_hold: 1 row = the file stays while a person's label is on it, and may go when it is not.
UPDATE blob_use SET held = (SELECT p.verdict IS NOT NULL OR p.source = 'import' FROM pool AS p
                             WHERE p.picture = :picture)
 WHERE what = 'pool' AND id = :picture;
