-- device_keys: reads the sealed keys and whether the device may connect
SELECT enabled, primary_sealed, secondary_sealed FROM device WHERE id = :id;
