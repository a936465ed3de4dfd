-- oci_repository_known: reads only; a row = something was pushed there.
SELECT 1 FROM (SELECT 1 FROM oci_manifest WHERE repository = :repository
               UNION ALL SELECT 1 FROM oci_blob WHERE repository = :repository) LIMIT 1;
