-- media_fail: 1 row = nothing will come of it; 0 rows = not its wish, or told before.
UPDATE media SET state = 'failed', why = :why, hint = :hint
 WHERE id = :id AND device = :device AND state = 'asked';
