-- pool_has_clear: rows = classes that are told anew.
DELETE FROM pool_has WHERE picture = :picture AND what = :what;
