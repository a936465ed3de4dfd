-- run_summary: 1 row = kept.
UPDATE run SET summary = :summary WHERE id = :run;
