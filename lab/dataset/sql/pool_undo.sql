-- pool_undo: 1 row = the label of version :to holds again; 0 rows = somebody was faster.
UPDATE pool SET version = version + 1,
       (state, verdict, boxes, class, labelled_by, labelled_us, spent_ms, agree, reviewed_by,
        reviewed_us, note) =
       (SELECT state, verdict, boxes, class, labelled_by, labelled_us, spent_ms, agree, reviewed_by,
               reviewed_us, note
          FROM pool_history WHERE picture = :picture AND version = :to)
 WHERE picture = :picture AND version = :version;
