-- pool_label: 1 row = the label is set; 0 rows = somebody was faster.
UPDATE pool SET version = version + 1, state = 'labelled', verdict = :verdict, boxes = :boxes,
       class = :class, labelled_by = :who, labelled_us = :at_us, spent_ms = :spent_ms,
       agree = NULL, reviewed_by = NULL, reviewed_us = NULL, note = NULL
 WHERE picture = :picture AND version = :version;
