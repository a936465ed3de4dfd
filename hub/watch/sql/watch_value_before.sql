-- watch_value_before: reads only; the window that ended when this one began.
SELECT start_us, end_us, value, detail FROM watch_value
 WHERE device = :device AND camera = :camera AND series = :series AND start_us < :start_us
   AND model = :model
 ORDER BY start_us DESC LIMIT 1;
