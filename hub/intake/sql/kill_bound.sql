-- kill_bound: rows = messages delivered ten times and never answered
UPDATE devicebound SET state = 'dead', ended_us = :now
 WHERE device = :device AND seq > :after AND state = 'queued' AND deliveries >= 10;
