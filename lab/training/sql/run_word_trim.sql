-- run_word_trim: so many of the oldest words went.
DELETE FROM run_word WHERE run = :run AND id <=
  (SELECT id FROM run_word WHERE run = :run ORDER BY id DESC LIMIT 1 OFFSET :most);
