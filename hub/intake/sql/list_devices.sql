-- list_devices: reads identities after an id
SELECT id, enabled, created_us, seen_us, skew_ms
  FROM device WHERE id > :after ORDER BY id LIMIT :room;
