-- incident_state: reads only; no row = there is no such incident.
SELECT version, state, acknowledged_by, resolved_by, title, camera, rule_id, device, severity
  FROM incident WHERE id = :id;
