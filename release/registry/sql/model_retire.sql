-- model_retire: 1 row = retired now; 0 rows = it was, or is not there.
UPDATE model SET state = 'retired' WHERE digest = :digest AND state <> 'retired';
