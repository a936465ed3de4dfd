-- reopen_incident: 1 row = the last step is undone; 0 rows = it was open.
UPDATE incident SET version = version + 1, updated_us = :now_us,
       state = CASE WHEN state = 'resolved' AND acknowledged_by IS NOT NULL THEN 'acknowledged'
                    ELSE 'open' END,
       acknowledged_by = CASE WHEN state = 'resolved' THEN acknowledged_by END,
       acknowledged_us = CASE WHEN state = 'resolved' THEN acknowledged_us END,
       resolved_by = NULL, resolved_us = NULL, verdict = NULL, note = NULL
 WHERE id = :id AND state <> 'open';
