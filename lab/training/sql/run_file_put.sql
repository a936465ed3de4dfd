-- run_file_put: 1 row; what was there under this name goes.
INSERT OR REPLACE INTO run_file (run, name, digest, bytes, put_us) VALUES (:run, :name, :digest, :bytes, :now_us);
