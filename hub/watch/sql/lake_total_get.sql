-- lake_total_get: reads one row.
SELECT files, rows, written_us, why FROM lake_total;
