-- acknowledge_incident: 1 row = acknowledged now; 0 rows = it was not open.
UPDATE incident SET version = version + 1, updated_us = :now_us, state = 'acknowledged',
       acknowledged_by = :who, acknowledged_us = :now_us
 WHERE id = :id AND state = 'open';
