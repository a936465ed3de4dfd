-- dataset_list: reads only; newest first.
SELECT d.digest, d.name, d.task, d.seed, d.made_us, d.made_by, d.pictures, d.boxes, d.classes,
       d.train, d.val, d.test,
       (SELECT COUNT(*) FROM dataset_use AS u WHERE u.dataset = d.digest AND u.split = 'test')
  FROM dataset AS d
 WHERE (:name IS NULL OR d.name = :name) AND (:digest IS NULL OR d.digest = :digest)
   AND (:after IS NULL OR d.made_us < :after_us OR (d.made_us = :after_us AND d.digest < :after))
 ORDER BY d.made_us DESC, d.digest DESC LIMIT :limit;
