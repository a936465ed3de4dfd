-- set_desired: 1 row = written
UPDATE twin SET desired = :doc, desired_meta = :meta,
       desired_version = desired_version + 1, version = version + 1
 WHERE device = :device;
