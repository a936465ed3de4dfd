-- blob_due: reads only; files whose incidents were all resolved before :before_us, oldest first.
-- The pictures of labelled items stay when :keep_labelled; a file that is held stays.
SELECT b.digest, b.bytes FROM blob AS b
 WHERE b.deleted_us IS NULL AND b.arrived_us < :before_us
   AND NOT EXISTS (SELECT 1 FROM evidence AS n JOIN event AS e ON e.id = n.event
                     JOIN incident AS i ON i.id = e.incident
                    WHERE n.digest = b.digest
                      AND (i.state <> 'resolved' OR i.resolved_us >= :before_us))
   AND NOT (:keep_labelled AND EXISTS (SELECT 1 FROM item AS t WHERE t.picture = b.digest
                                          AND t.withdrawn_us IS NULL))
   AND NOT EXISTS (SELECT 1 FROM blob_use AS u WHERE u.digest = b.digest AND u.held)
 ORDER BY b.arrived_us, b.digest LIMIT :most;
