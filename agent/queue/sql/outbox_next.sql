-- outbox_next: reads the first message behind :after.
SELECT seq, id, body, kind FROM message WHERE seq > :after ORDER BY seq LIMIT 1;
