-- outbox_oldest: reads the message accepted first.
SELECT seq, accepted_us FROM message ORDER BY seq LIMIT 1;
