-- add_twin: 1 row = an empty twin
INSERT INTO twin (device) VALUES (:device);
