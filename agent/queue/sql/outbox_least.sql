-- outbox_least: reads the message to lose first: least important, then oldest.
SELECT seq, priority FROM message ORDER BY priority, seq LIMIT 1;
