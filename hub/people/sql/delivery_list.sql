-- delivery_list: reads only; newest first.
SELECT id, incident, channel, target, subject, state, created_us, next_us FROM delivery
 WHERE (:incident IS NULL OR incident = :incident) AND (:before IS NULL OR id < :before)
 ORDER BY id DESC LIMIT :limit;
