-- outbox_last_seq: reads the greatest number that is in use.
SELECT coalesce(max(seq), 0) FROM message;
