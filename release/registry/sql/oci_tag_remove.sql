-- oci_tag_remove: 1 row = removed.
DELETE FROM oci_tag WHERE repository = :repository AND tag = :tag;
