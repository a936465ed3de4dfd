-- pool_classes: reads only; every class with how often it is labelled and proposed.
SELECT c.name, COUNT(l.picture), COALESCE(SUM(l.boxes), 0),
       (SELECT COALESCE(SUM(h.boxes), 0) FROM pool_has AS h JOIN pool AS p ON p.picture = h.picture
         WHERE h.class = c.name AND h.what = 'proposal' AND p.state IN ('none', 'proposed'))
  FROM pool_class AS c LEFT JOIN pool_has AS l ON l.class = c.name AND l.what = 'label'
 GROUP BY c.name ORDER BY c.name;
