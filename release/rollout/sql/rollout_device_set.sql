-- rollout_device_set: 1 row = the device's part in the rollout is as given, new or changed.
INSERT INTO rollout_device (rollout, device, state, want, written, release, former, former_known, since_us, active_us,
                            up_us, why, pictures, errors)
VALUES (:rollout, :device, :state, :want, :written, :release, :former, :former_known, :since_us, :active_us, :up_us,
        :why, :pictures, :errors)
    ON CONFLICT (rollout, device) DO UPDATE
   SET state = excluded.state, want = excluded.want, written = excluded.written, release = excluded.release,
       former = excluded.former, former_known = excluded.former_known, since_us = excluded.since_us,
       active_us = excluded.active_us, up_us = excluded.up_us, why = excluded.why, pictures = excluded.pictures,
       errors = excluded.errors;
