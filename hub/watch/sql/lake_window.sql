-- lake_window: reads only; a camera's window of statistics.
SELECT json, device FROM watch_window WHERE device = :device AND camera = :camera AND start_us = :start_us;
