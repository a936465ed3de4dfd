-- model_promote: 1 row = champion now; 0 rows = it was, or is not there.
UPDATE model SET state = 'champion', approved_us = :now_us, approved_by = :who, forced = :forced
 WHERE digest = :digest AND state <> 'champion';
