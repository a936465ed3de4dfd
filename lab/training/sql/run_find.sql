-- run_find: reads only; the newest that is done.
SELECT id FROM run
 WHERE model = :model AND dataset = :dataset AND kind = :kind AND split = :split AND state = 'done'
 ORDER BY id DESC LIMIT 1;
