-- watch_trim_windows: rows = windows whose values are gone.
DELETE FROM watch_window WHERE end_us < :before_us
   AND NOT EXISTS (SELECT 1 FROM watch_value AS v WHERE v.device = watch_window.device
                      AND v.camera = watch_window.camera AND v.start_us = watch_window.start_us);
