-- fleet_drifts: reads only; the cameras of a device that drifted.
SELECT camera, text FROM watch_camera WHERE device = :device AND state = 'drifted' ORDER BY camera;
