-- pool_cameras: reads only.
SELECT device, camera, COUNT(*) FROM pool GROUP BY device, camera ORDER BY device, camera LIMIT 1000;
