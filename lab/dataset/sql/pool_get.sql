-- pool_get: reads only; one picture, the columns of pool_page.
SELECT p.picture, p.version, p.state, p.source, p.reason, p.device, p.camera, p.captured_us,
       p.added_us, p.width_px, p.height_px, p.here, p.proposals, p.wrong, p.model_name,
       p.model_digest, p.incident, p.verdict, p.boxes, p.class, p.labelled_by, p.labelled_us,
       p.spent_ms, p.agree, p.reviewed_by, p.reviewed_us, p.note,
       CASE WHEN p.state IN ('labelled', 'reviewed') THEN 0.0
            ELSE MAX(0.0, 10.0 * (COALESCE(p.agree, 1) = 0) + p.bonus + 2.0 * p.uncertainty
                          + 1.5 * p.rarity + p.few - 2.5 * p.near) END,
       p.uncertainty, p.rarity, p.few, p.near, 0.0
  FROM (
SELECT q.*,
       EXISTS (SELECT 1 FROM blob AS b WHERE b.digest = q.picture AND b.deleted_us IS NULL) AS here,
       COALESCE((SELECT MAX(1.0 / (1.0 + 0.1 * (
                  SELECT COALESCE(SUM(l.boxes), 0) FROM pool_has AS l
                   WHERE l.class = h.class AND l.what = 'label')))
                   FROM pool_has AS h
                  WHERE h.picture = q.picture AND h.what = 'proposal'), 0.0) AS rarity,
       (SELECT 1.0 / (1.0 + 0.05 * COUNT(c.verdict)) FROM pool AS c
         WHERE c.device = q.device AND c.camera = q.camera) AS few,
       EXISTS (SELECT 1 FROM pool AS n WHERE n.device = q.device AND n.camera = q.camera
                  AND n.captured_us BETWEEN q.captured_us - 10000000 AND q.captured_us + 10000000
                  AND n.verdict IS NOT NULL AND n.picture <> q.picture) AS near
  FROM pool AS q WHERE q.picture = :picture LIMIT 1) AS p;
