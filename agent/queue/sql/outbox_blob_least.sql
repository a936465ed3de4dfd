-- outbox_blob_least: reads the evidence to lose first, of those whose event has gone: what is held
-- before anything else.
SELECT digest, bytes, CASE held WHEN 1 THEN :held_priority ELSE priority END AS p
  FROM blob WHERE needed = 0 ORDER BY p, added_us LIMIT 1;
