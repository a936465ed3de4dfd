-- pool_history_add: 1 row = the picture's label as it is now is kept.
INSERT INTO pool_history (picture, version, at_us, who, what, state, verdict, boxes, class,
                          labelled_by, labelled_us, spent_ms, agree, reviewed_by, reviewed_us, note)
SELECT picture, version, :now_us, :who, :what, state, verdict, boxes, class, labelled_by,
       labelled_us, spent_ms, agree, reviewed_by, reviewed_us, note
  FROM pool WHERE picture = :picture;
