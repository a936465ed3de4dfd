-- outbox_blob_held: reads how much evidence is held.
SELECT count(*), coalesce(sum(bytes), 0) FROM blob WHERE held = 1;
