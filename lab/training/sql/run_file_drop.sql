-- run_file_drop: 1 row = it is named no more.
DELETE FROM run_file WHERE run = :run AND name = :name;
