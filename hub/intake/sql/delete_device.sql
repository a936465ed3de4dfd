-- delete_device: 1 row = deleted with twin and waiting messages; 0 rows = no such device
DELETE FROM device WHERE id = :id;
