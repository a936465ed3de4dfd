-- resolve_incident: 1 row = resolved now; 0 rows = it was resolved before.
UPDATE incident SET version = version + 1, updated_us = :now_us, state = 'resolved',
       resolved_by = :who, resolved_us = :now_us, verdict = :verdict, note = :note
 WHERE id = :id AND state <> 'resolved';
