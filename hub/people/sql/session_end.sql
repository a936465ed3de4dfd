-- session_end: 1 row = ended; 0 rows = it had ended.
DELETE FROM session WHERE hash = :hash;
