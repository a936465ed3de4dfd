-- incident_open: 1 row = opened.
INSERT INTO incident (id, version, state, title, device, camera, rule_id, zone, severity,
                      started_us, ended_us, last_us, updated_us, event_count, score)
VALUES (:id, 0, 'open', :title, :device, :camera, :rule_id, :zone, 0,
        :now_us, NULL, :now_us, :now_us, 0, 0);
