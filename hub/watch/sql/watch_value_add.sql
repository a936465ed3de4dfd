-- watch_value_add: 1 row = kept.
INSERT INTO watch_value (device, camera, series, start_us, end_us, model, count, mean, sd, value, detail,
                         reference, shift, differs)
VALUES (:device, :camera, :series, :start_us, :end_us, :model, :count, :mean, :sd, :value, :detail,
        :reference, :shift, :differs)
ON CONFLICT DO NOTHING;
