-- blob_total: reads only.
SELECT COALESCE(SUM(bytes), 0), COUNT(*) FROM blob WHERE deleted_us IS NULL;
