-- run_word_add: 1 row.
INSERT INTO run_word (run, at_us, text) VALUES (:run, :now_us, :text);
