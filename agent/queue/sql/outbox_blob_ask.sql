-- outbox_blob_ask: 1 row = the hub wants it and it will go; 0 rows = it is not here (any more).
UPDATE blob SET held = 0, retry_us = 0, priority = max(priority, :priority)
 WHERE digest = :digest AND sent = 0;
