-- outbox_blob_need: 1 row = kept for one more message; one that is to go once goes.
INSERT INTO blob (digest, bytes, priority, added_us, needed, held)
VALUES (:digest, :bytes, :priority, :now, 1, :held)
ON CONFLICT (digest) DO UPDATE SET needed = needed + 1, priority = max(priority, excluded.priority),
 held = min(held, excluded.held);
