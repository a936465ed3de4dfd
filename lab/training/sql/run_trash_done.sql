-- run_trash_done: 1 row = it is gone, or wanted again.
DELETE FROM run_trash WHERE digest = :digest;
