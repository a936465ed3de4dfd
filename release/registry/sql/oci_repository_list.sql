-- oci_repository_list: reads only; in the order of their bytes.
SELECT DISTINCT repository FROM oci_manifest WHERE repository > :last ORDER BY repository
 LIMIT :limit;
