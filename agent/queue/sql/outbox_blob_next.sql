-- outbox_blob_next: reads the evidence to send first.
SELECT digest, bytes FROM blob
 WHERE ready = 1 AND sent = 0 AND retry_us <= :now ORDER BY retry_us, added_us LIMIT 1;
