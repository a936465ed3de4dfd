-- watch_detector_reset: rows = series whose evidence is forgotten.
DELETE FROM watch_detector WHERE device = :device AND camera = :camera;
