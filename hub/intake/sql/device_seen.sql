-- device_seen: 1 row = noted; 0 rows = deleted meanwhile
UPDATE device SET seen_us = max(seen_us, :seen), skew_ms = coalesce(:skew, skew_ms)
 WHERE id = :id;
