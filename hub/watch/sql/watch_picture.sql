-- watch_picture: reads only; the newest picture of a window that began in [:from_us, :to_us).
SELECT picture, bytes, width_px, height_px, captured_us FROM watch_window
 WHERE device = :device AND camera = :camera AND picture IS NOT NULL
   AND start_us >= :from_us AND start_us < :to_us
 ORDER BY start_us DESC LIMIT 1;
