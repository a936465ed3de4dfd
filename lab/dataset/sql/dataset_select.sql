-- dataset_select: reads only; labelled pictures whose bytes are here, by digest.
SELECT p.picture, p.width_px, p.height_px, p.device, p.camera, p.captured_us, p.source, p.verdict,
       p.boxes, p.class, p.labelled_us, p.time_known
  FROM pool AS p JOIN blob AS b ON b.digest = p.picture AND b.deleted_us IS NULL
 WHERE p.verdict IN ('objects', 'nothing')
   AND (p.state = 'reviewed' OR (p.state = 'labelled' AND NOT :reviewed_only))
   AND (:since_us IS NULL OR p.captured_us >= :since_us)
   AND (:until_us IS NULL OR p.captured_us < :until_us)
 ORDER BY p.picture;
