-- enable_device: 1 row = set; 0 rows = no such device
UPDATE device SET enabled = :enabled WHERE id = :id;
