-- run_file_named: reads only; a row = some run names it.
SELECT 1 FROM run_file WHERE digest = :digest LIMIT 1;
