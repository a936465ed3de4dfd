-- event_find: reads only; no row = the event is new.
SELECT incident, revision, device, camera, rule_id, end_us FROM event WHERE id = :id;
