-- lake_incident: reads only.
SELECT version, state, title, device, camera, rule_id, zone, severity, started_us, ended_us, updated_us,
       event_count, score, acknowledged_by, acknowledged_us, resolved_by, resolved_us, verdict, note
  FROM incident WHERE id = :id;
