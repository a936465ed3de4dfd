-- expire_bound: rows = messages whose time ran out
UPDATE devicebound SET state = 'expired', ended_us = :now
 WHERE device = :device AND state = 'queued' AND expires_us <= :now;
