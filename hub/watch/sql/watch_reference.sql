-- watch_reference: reads only; the reference of one series, oldest first.
SELECT start_us, end_us, value, mean, detail FROM watch_value
 WHERE device = :device AND camera = :camera AND series = :series AND reference = 1
   AND start_us >= :from_us AND model = :model
 ORDER BY start_us LIMIT :most;
