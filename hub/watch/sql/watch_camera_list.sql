-- watch_camera_list: reads only; drifted ones first.
SELECT device, camera FROM watch_camera
 ORDER BY state = 'drifted' DESC, device, camera LIMIT 4096;
