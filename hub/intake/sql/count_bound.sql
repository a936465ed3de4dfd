-- count_bound: 1 row = one more delivery
UPDATE devicebound SET deliveries = deliveries + 1 WHERE seq = :seq;
