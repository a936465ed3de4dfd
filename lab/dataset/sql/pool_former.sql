-- pool_former: reads only; a row = the version is in the history.
SELECT 1 FROM pool_history WHERE picture = :picture AND version = :to;
