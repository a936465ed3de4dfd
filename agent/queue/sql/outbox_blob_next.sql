-- outbox_blob_next: reads the evidence to send first, of those at least so important.
SELECT digest, bytes FROM blob
 WHERE ready = 1 AND sent = 0 AND held = 0 AND retry_us <= :now AND priority >= :least
 ORDER BY retry_us, added_us LIMIT 1;
