-- 0012_retention: what is due is found by its age, not by looking at every file.
CREATE INDEX blob_here ON blob (arrived_us, digest, bytes) WHERE deleted_us IS NULL;
CREATE INDEX item_picture ON item (picture) WHERE withdrawn_us IS NULL;
