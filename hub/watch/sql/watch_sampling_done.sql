-- watch_sampling_done: 1 row = the device's twin says so now.
UPDATE watch_camera SET sampling_done = :sampling, sampling_before = :before
 WHERE device = :device AND camera = :camera;
