-- outbox_blob_sent: 1 row = the hub has it whole.
UPDATE blob SET sent = 1 WHERE digest = :digest AND sent = 0;
