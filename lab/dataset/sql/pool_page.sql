-- pool_page: reads only; pictures with what each would teach, the highest first (or the newest).
-- teach = 10 when a reviewer disagreed + what its reason says + 2 x uncertainty
--       + 1.5 x how rare its rarest proposed class is among labels + how few labels its camera has
--       - 2.5 when a picture of the same camera within 10 s is labelled; 0 with a label.
WITH labels AS (SELECT class, SUM(boxes) AS boxes FROM pool_has WHERE what = 'label' GROUP BY class),
rare AS (SELECT h.picture, MAX(1.0 / (1.0 + 0.1 * COALESCE(l.boxes, 0))) AS rarity
           FROM pool_has AS h LEFT JOIN labels AS l ON l.class = h.class
          WHERE h.what = 'proposal' AND (:picture IS NULL OR h.picture = :picture)
          GROUP BY h.picture),
covered AS (SELECT device, camera, 1.0 / (1.0 + 0.05 * COUNT(verdict)) AS few FROM pool
             GROUP BY device, camera),
parts AS (
SELECT p.*, b.digest IS NOT NULL AS here, COALESCE(r.rarity, 0.0) AS rarity, c.few,
       EXISTS (SELECT 1 FROM pool AS q WHERE q.device = p.device AND q.camera = p.camera
                  AND q.captured_us BETWEEN p.captured_us - 10000000 AND p.captured_us + 10000000
                  AND q.verdict IS NOT NULL AND q.picture <> p.picture) AS near
  FROM pool AS p LEFT JOIN blob AS b ON b.digest = p.picture AND b.deleted_us IS NULL
  LEFT JOIN rare AS r ON r.picture = p.picture
  JOIN covered AS c ON c.device = p.device AND c.camera = p.camera
 WHERE (:picture IS NULL OR p.picture = :picture)
   AND (:any_label OR p.state = :label_1 OR p.state = :label_2 OR p.state = :label_3)
   AND (:source IS NULL OR p.source = :source) AND (:reason IS NULL OR p.reason = :reason)
   AND (:device IS NULL OR p.device = :device) AND (:camera IS NULL OR p.camera = :camera)
   AND (:since_us IS NULL OR p.captured_us >= :since_us)
   AND (:until_us IS NULL OR p.captured_us < :until_us)
   AND (:class IS NULL OR EXISTS (SELECT 1 FROM pool_has AS h WHERE h.picture = p.picture
                                     AND h.class = :class))
   AND (NOT :only_here OR b.digest IS NOT NULL)),
ranked AS (
SELECT parts.*, CASE WHEN state IN ('labelled', 'reviewed') THEN 0.0
                     ELSE MAX(0.0, 10.0 * (COALESCE(agree, 1) = 0) + bonus + 2.0 * uncertainty
                                   + 1.5 * rarity + few - 2.5 * near) END AS teach
  FROM parts),
ordered AS (
SELECT ranked.*, CASE WHEN :newest THEN CAST(added_us AS REAL) ELSE teach END AS place FROM ranked)
SELECT picture, version, state, source, reason, device, camera, captured_us, added_us, width_px,
       height_px, here, proposals, wrong, model_name, model_digest, incident, verdict, boxes, class,
       labelled_by, labelled_us, spent_ms, agree, reviewed_by, reviewed_us, note, teach,
       uncertainty, rarity, few, near, place
  FROM ordered
 WHERE :after IS NULL OR place < :after_place OR (place = :after_place AND picture > :after)
 ORDER BY place DESC, picture LIMIT :limit;
