-- pool_page: reads only; pictures with what each would teach, the highest first (or the newest).
-- teach = 10 when a reviewer disagreed + what its reason says + 2 x uncertainty
--       + 1.5 x how rare its rarest proposed class is among labels + how few labels its camera has
--       - 2.5 when a picture of the same camera within 10 s is labelled; 0 with a label.
WITH labels AS MATERIALIZED (
SELECT class, SUM(boxes) AS boxes FROM pool_has WHERE what = 'label' GROUP BY class),
covered AS MATERIALIZED (
SELECT device, camera, 1.0 / (1.0 + 0.05 * COUNT(verdict)) AS few FROM pool GROUP BY device, camera),
parts AS MATERIALIZED (
SELECT p.picture, p.added_us, p.uncertainty, p.bonus, p.agree,
       p.state IN ('labelled', 'reviewed') AS done, c.few,
       CASE WHEN p.state IN ('labelled', 'reviewed') THEN 0.0 ELSE COALESCE((
         SELECT MAX(1.0 / (1.0 + 0.1 * COALESCE(l.boxes, 0)))
           FROM pool_has AS h LEFT JOIN labels AS l ON l.class = h.class
          WHERE h.picture = p.picture AND h.what = 'proposal'), 0.0) END AS rarity,
       p.state IN ('none', 'proposed') AND EXISTS (
         SELECT 1 FROM pool AS q WHERE q.device = p.device AND q.camera = p.camera
            AND q.captured_us BETWEEN p.captured_us - 10000000 AND p.captured_us + 10000000
            AND q.verdict IS NOT NULL AND q.picture <> p.picture) AS near
  FROM pool AS p JOIN covered AS c ON c.device = p.device AND c.camera = p.camera
 WHERE (:any_label OR p.state = :label_1 OR p.state = :label_2 OR p.state = :label_3)
   AND (:source IS NULL OR p.source = :source) AND (:reason IS NULL OR p.reason = :reason)
   AND (:device IS NULL OR p.device = :device) AND (:camera IS NULL OR p.camera = :camera)
   AND (:since_us IS NULL OR p.captured_us >= :since_us)
   AND (:until_us IS NULL OR p.captured_us < :until_us)
   AND (:class IS NULL OR EXISTS (SELECT 1 FROM pool_has AS h WHERE h.picture = p.picture
                                     AND h.class = :class))
   AND (NOT :only_here OR EXISTS (SELECT 1 FROM blob AS b WHERE b.digest = p.picture
                                     AND b.deleted_us IS NULL))),
ranked AS (
SELECT picture, rarity, few, near, added_us,
       CASE WHEN done THEN 0.0
            ELSE MAX(0.0, 10.0 * (COALESCE(agree, 1) = 0) + bonus + 2.0 * uncertainty + 1.5 * rarity
                          + few - 2.5 * near) END AS teach
  FROM parts),
placed AS MATERIALIZED (
SELECT ranked.*, CASE WHEN :newest THEN CAST(added_us AS REAL) ELSE teach END AS place FROM ranked),
page AS MATERIALIZED (
SELECT picture, rarity, few, near, teach, place FROM placed
 WHERE :after IS NULL OR place < :after_place OR (place = :after_place AND picture > :after)
 ORDER BY place DESC, picture LIMIT :limit)
SELECT p.picture, p.version, p.state, p.source, p.reason, p.device, p.camera, p.captured_us,
       p.added_us, p.width_px, p.height_px,
       EXISTS (SELECT 1 FROM blob AS b WHERE b.digest = p.picture AND b.deleted_us IS NULL),
       p.proposals, p.wrong, p.model_name, p.model_digest, p.incident, p.verdict, p.boxes, p.class,
       p.labelled_by, p.labelled_us, p.spent_ms, p.agree, p.reviewed_by, p.reviewed_us, p.note,
       page.teach, p.uncertainty, page.rarity, page.few, page.near, page.place
  FROM page CROSS JOIN pool AS p ON p.picture = page.picture
 ORDER BY page.place DESC, p.picture;
