-- get_device: reads one identity
SELECT id, enabled, created_us, seen_us, skew_ms FROM device WHERE id = :id;
