-- run_trash_add: 1 row = nobody names it any more, it may be deleted.
INSERT OR IGNORE INTO run_trash (digest)
SELECT :digest WHERE NOT EXISTS (SELECT 1 FROM run_file WHERE digest = :digest);
