-- pool_add: 1 row = the picture is new; 0 rows = it is there already.
INSERT INTO pool (picture, version, state, source, reason, device, camera, captured_us, time_known,
                  added_us, width_px, height_px, content_type, proposals, wrong, model_name,
                  model_digest, incident, uncertainty, bonus)
VALUES (:picture, 1, :state, :source, :reason, :device, :camera, :captured_us, :time_known, :now_us,
        :width, :height, :content_type, :proposals, :wrong, :model_name, :model_digest, :incident,
        :uncertainty, :bonus)
ON CONFLICT (picture) DO NOTHING;
