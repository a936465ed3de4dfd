-- trim_refused: rows = refused messages beyond the newest 1000
DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - 1000;
