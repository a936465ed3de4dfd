-- outbox_blob_least: reads the evidence to lose first, of those whose event has gone.
SELECT digest, bytes, priority FROM blob WHERE needed = 0 ORDER BY priority, added_us LIMIT 1;
