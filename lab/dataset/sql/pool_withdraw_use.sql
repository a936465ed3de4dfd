-- pool_withdraw_use: rows = files that the pool will not name any more.
DELETE FROM blob_use WHERE what = 'pool' AND id IN
  (SELECT picture FROM pool WHERE incident = :incident AND source = 'incident' AND verdict IS NULL);
