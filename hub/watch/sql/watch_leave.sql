-- watch_leave: rows = values that are no reference any more.
UPDATE watch_value SET reference = 0
 WHERE device = :device AND camera = :camera AND start_us >= :since_us AND reference = 1;
