-- watch_apart: rows = windows that belong to a drift.
UPDATE watch_window SET apart = 1
 WHERE device = :device AND camera = :camera AND start_us >= :since_us AND apart = 0;
