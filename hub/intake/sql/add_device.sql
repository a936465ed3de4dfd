-- add_device: 1 row = created
INSERT INTO device (id, generation, primary_sealed, secondary_sealed, created_us)
VALUES (:id, :generation, :primary, :secondary, :now);
