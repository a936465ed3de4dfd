-- metrics_blobs: reads one row.
SELECT count(*), coalesce(sum(bytes), 0) FROM blob WHERE deleted_us IS NULL;
