-- outbox_blob_old: reads evidence that waits since before :before and whose event has gone.
SELECT digest, bytes FROM blob WHERE needed = 0 AND added_us < :before LIMIT 1;
