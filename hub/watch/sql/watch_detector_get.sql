-- watch_detector_get: reads only.
SELECT evidence, page, since_us FROM watch_detector
 WHERE device = :device AND camera = :camera AND series = :series;
