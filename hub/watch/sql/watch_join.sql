-- watch_join: rows = series of the window that are reference now; 0 rows = they were, or it stands apart.
UPDATE watch_value SET reference = 1
 WHERE device = :device AND camera = :camera AND start_us = :start_us AND reference = 0
   AND NOT EXISTS (SELECT 1 FROM watch_window AS w WHERE w.device = :device AND w.camera = :camera
                      AND w.start_us = :start_us AND w.apart);
