-- watch_joins: reads only; the window that joins the reference now: :lag windows back.
SELECT start_us FROM watch_window
 WHERE device = :device AND camera = :camera AND start_us >= :from_us AND pictures >= :least
 ORDER BY start_us DESC LIMIT 1 OFFSET :lag;
