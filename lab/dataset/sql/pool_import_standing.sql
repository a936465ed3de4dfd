-- pool_import_standing: reads only; a row = no person of this hub has said anything of the picture.
SELECT p.version FROM pool AS p
 WHERE p.picture = :picture
   AND NOT EXISTS (SELECT 1 FROM pool_history AS h WHERE h.picture = p.picture
                      AND h.what IN ('labelled', 'agreed', 'disagreed', 'undone'));
