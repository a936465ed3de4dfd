-- add_bound: 1 row = queued; 0 rows = 50 wait already
INSERT INTO devicebound (id, device, bag, body, expires_us)
SELECT :id, :device, :bag, :body, :expires
 WHERE (SELECT count(*) FROM devicebound WHERE device = :device AND state = 'queued') < 50;
