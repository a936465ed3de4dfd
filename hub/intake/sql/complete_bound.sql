-- complete_bound: 1 row = the device took it
UPDATE devicebound SET state = 'completed', ended_us = :now
 WHERE seq = :seq AND device = :device AND state = 'queued';
