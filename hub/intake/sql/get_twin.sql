-- get_twin: reads a whole twin
SELECT version, tags, desired, desired_version, desired_meta,
       reported, reported_version, reported_meta
  FROM twin WHERE device = :device;
