-- outbox_get: reads what a message takes and needs.
SELECT bytes, evidence FROM message WHERE seq = :seq;
