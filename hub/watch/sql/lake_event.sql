-- lake_event: reads only; an event as it came, and when it began.
SELECT json, start_us, incident, kind, received_us FROM event WHERE id = :id;
