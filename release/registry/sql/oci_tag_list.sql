-- oci_tag_list: reads only; in the order of their bytes.
SELECT tag FROM oci_tag WHERE repository = :repository AND tag > :last ORDER BY tag LIMIT :limit;
