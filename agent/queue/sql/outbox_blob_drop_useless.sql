-- outbox_blob_drop_useless: 1 row = nothing needs it any more and its file can go.
DELETE FROM blob WHERE digest = :digest AND needed = 0 AND (sent = 1 OR ready = 0);
