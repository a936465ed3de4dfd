-- run_trash_next: reads only.
SELECT digest FROM run_trash LIMIT 1;
