-- incident_events: reads only; the incident's events as they came, in the order of their start.
SELECT id, json FROM event WHERE incident = :incident ORDER BY start_us, id LIMIT 200;
