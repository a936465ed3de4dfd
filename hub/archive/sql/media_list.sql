-- media_list: reads the wishes for a camera, newest first; columns as media_get.
SELECT m.id, m.device, m.camera, m.from_us, m.to_us, m.asked_by, m.asked_us, m.state, m.why, m.hint,
 m.digest, m.bytes, m.start_us, m.end_us, m.width_px, m.height_px, b.digest IS NOT NULL,
 b.deleted_us IS NOT NULL
  FROM media AS m LEFT JOIN blob AS b ON b.digest = m.digest
 WHERE m.device = :device AND m.camera = :camera ORDER BY m.id DESC LIMIT 50;
