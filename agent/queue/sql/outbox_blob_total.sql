-- outbox_blob_total: reads how much evidence is kept.
SELECT count(*), coalesce(sum(bytes), 0) FROM blob;
