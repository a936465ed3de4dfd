-- outbox_count_get: reads one counter.
SELECT value FROM counter WHERE name = :name;
