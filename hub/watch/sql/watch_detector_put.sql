-- watch_detector_put: 1 row = kept.
INSERT INTO watch_detector (device, camera, series, evidence, page, since_us)
VALUES (:device, :camera, :series, :evidence, :page, :since_us)
ON CONFLICT (device, camera, series) DO UPDATE SET evidence = excluded.evidence, page = excluded.page,
  since_us = excluded.since_us;
