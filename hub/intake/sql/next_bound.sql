-- next_bound: reads the next waiting message
SELECT seq, bag, body FROM devicebound
 WHERE device = :device AND state = 'queued' AND seq > :after ORDER BY seq LIMIT 1;
