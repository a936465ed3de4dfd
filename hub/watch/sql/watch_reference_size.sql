-- watch_reference_size: reads one row.
SELECT count(*), coalesce(min(start_us), 0), coalesce(max(end_us), 0) FROM watch_value
 WHERE device = :device AND camera = :camera AND series = 'brightness' AND reference = 1
   AND start_us >= :from_us;
