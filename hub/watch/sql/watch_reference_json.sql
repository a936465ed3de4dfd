-- watch_reference_json: reads only; the sketches of the reference's windows.
SELECT w.json FROM watch_window AS w JOIN watch_value AS v ON v.device = w.device
   AND v.camera = w.camera AND v.start_us = w.start_us AND v.series = 'brightness' AND v.reference = 1
 WHERE w.device = :device AND w.camera = :camera AND w.start_us >= :from_us
 ORDER BY w.start_us DESC LIMIT :most;
