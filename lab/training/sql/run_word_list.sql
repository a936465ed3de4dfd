-- run_word_list: reads only.
SELECT at_us, text FROM run_word WHERE run = :run ORDER BY id;
