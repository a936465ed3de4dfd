-- oci_tag_find: reads only.
SELECT digest FROM oci_tag WHERE repository = :repository AND tag = :tag;
