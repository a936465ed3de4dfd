-- run_touch: 1 row = kept.
UPDATE run SET version = version + 1, updated_us = :now_us WHERE id = :run;
