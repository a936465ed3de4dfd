-- camera_summary: reads only.
SELECT (SELECT MAX(start_us) FROM event WHERE device = :device AND camera = :camera),
       (SELECT id FROM incident WHERE device = :device AND camera = :camera
         ORDER BY started_us DESC LIMIT 1),
       (SELECT COUNT(*) FROM incident WHERE device = :device AND camera = :camera
           AND state <> 'resolved');
