-- watch_points: reads only; the newest windows of a series first.
SELECT start_us, end_us, count, mean, sd, shift, differs, model FROM watch_value
 WHERE device = :device AND camera = :camera AND series = :series
   AND start_us >= :from_us AND start_us < :to_us
 ORDER BY start_us DESC LIMIT :most;
