-- watch_camera_get: reads only; a row = its statistics are known.
SELECT state, since_us, first_us, last_start_us, last_end_us, pictures, reference_us, reference_by, calm,
       changes, text, severity, event, revision, incident, sampling
  FROM watch_camera WHERE device = :device AND camera = :camera;
