-- run_file_list: reads only.
SELECT name, digest, bytes, put_us FROM run_file WHERE run = :run ORDER BY name;
