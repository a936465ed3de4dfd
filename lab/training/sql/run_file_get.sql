-- run_file_get: reads only.
SELECT digest, bytes FROM run_file WHERE run = :run AND name = :name;
