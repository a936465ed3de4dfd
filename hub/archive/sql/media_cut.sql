-- media_cut: 1 row = the device has cut it and will send it; 0 rows = not its wish, or told before.
UPDATE media SET state = 'cut', digest = :digest, bytes = :bytes, start_us = :start_us,
 end_us = :end_us, width_px = :width, height_px = :height
 WHERE id = :id AND device = :device AND state = 'asked';
