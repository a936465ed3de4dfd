-- oci_tag_set: 1 row = the tag names this manifest now; 0 rows = it did.
INSERT INTO oci_tag (repository, tag, digest, moved_us) VALUES (:repository, :tag, :digest, :now_us)
ON CONFLICT (repository, tag) DO UPDATE SET digest = excluded.digest, moved_us = excluded.moved_us
 WHERE oci_tag.digest <> excluded.digest;
