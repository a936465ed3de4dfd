-- outbox_blob_need: 1 row = kept for one more message.
INSERT INTO blob (digest, bytes, priority, added_us, needed)
VALUES (:digest, :bytes, :priority, :now, 1)
ON CONFLICT (digest) DO UPDATE SET needed = needed + 1, priority = max(priority, excluded.priority);
