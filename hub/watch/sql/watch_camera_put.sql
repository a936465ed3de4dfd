-- watch_camera_put: 1 row = kept.
INSERT INTO watch_camera (device, camera, state, since_us, first_us, last_start_us, last_end_us, pictures,
                          reference_us, reference_by, calm, changes, text, severity, event, revision,
                          incident, sampling, sampling_done)
VALUES (:device, :camera, :state, :since_us, :first_us, :last_start_us, :last_end_us, :pictures,
        :reference_us, :reference_by, :calm, :changes, :text, :severity, :event, :revision, :incident,
        :sampling, 0)
ON CONFLICT (device, camera) DO UPDATE SET state = excluded.state, since_us = excluded.since_us,
  last_start_us = excluded.last_start_us, last_end_us = excluded.last_end_us,
  pictures = excluded.pictures, reference_us = excluded.reference_us,
  reference_by = excluded.reference_by, calm = excluded.calm, changes = excluded.changes,
  text = excluded.text, severity = excluded.severity, event = excluded.event,
  revision = excluded.revision, incident = excluded.incident, sampling = excluded.sampling;
