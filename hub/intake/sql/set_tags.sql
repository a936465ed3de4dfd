-- set_tags: 1 row = written
UPDATE twin SET tags = :doc, version = version + 1 WHERE device = :device;
