-- outbox_total: reads how much waits.
SELECT count(*), coalesce(sum(bytes), 0) FROM message;
