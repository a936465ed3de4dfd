-- lake_total_add: 1 row = counted.
UPDATE lake_total SET files = files + :files, rows = rows + :rows, written_us = :now_us, why = NULL;
