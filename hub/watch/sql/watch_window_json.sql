-- watch_window_json: reads only; a window's sketches as they came.
SELECT json FROM watch_window WHERE device = :device AND camera = :camera AND start_us = :start_us;
