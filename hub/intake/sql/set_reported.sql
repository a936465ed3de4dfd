-- set_reported: 1 row = written
UPDATE twin SET reported = :doc, reported_meta = :meta,
       reported_version = reported_version + 1, version = version + 1
 WHERE device = :device;
