-- watch_window_add: 1 row = new; 0 rows = it came before.
INSERT INTO watch_window (device, camera, start_us, end_us, pictures, live_us, apart, picture, bytes,
                          width_px, height_px, captured_us, json, received_us)
VALUES (:device, :camera, :start_us, :end_us, :pictures, :live_us, 0, :picture, :bytes, :width_px,
        :height_px, :captured_us, :json, :now_us)
ON CONFLICT DO NOTHING;
