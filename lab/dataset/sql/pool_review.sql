-- pool_review: 1 row = a second person said; 0 rows = somebody was faster.
UPDATE pool SET version = version + 1, agree = :agree, reviewed_by = :who, reviewed_us = :now_us,
       note = :note, state = CASE WHEN :agree THEN 'reviewed' ELSE 'proposed' END
 WHERE picture = :picture AND version = :version AND state = 'labelled';
