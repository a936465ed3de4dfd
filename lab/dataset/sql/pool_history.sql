-- pool_history: reads only; oldest first.
SELECT version, at_us, who, what, state, verdict, boxes, class, labelled_by, labelled_us, spent_ms,
       note
  FROM pool_history WHERE picture = :picture AND version > :version ORDER BY version LIMIT 1000;
