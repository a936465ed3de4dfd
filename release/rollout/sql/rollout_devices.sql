-- rollout_devices: reads only; the rollout's devices in the order of their names.
SELECT device, state, want, written, release, former, former_known, since_us, active_us, up_us, why, pictures, errors
  FROM rollout_device WHERE rollout = :rollout ORDER BY device;
