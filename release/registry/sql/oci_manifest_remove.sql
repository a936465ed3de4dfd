-- oci_manifest_remove: 1 row = removed with its tags; 0 rows = absent, or a model's or an index's.
DELETE FROM oci_manifest WHERE repository = :repository AND digest = :digest
   AND NOT EXISTS (SELECT 1 FROM model AS m WHERE 'models/' || m.name = :repository
                      AND (m.manifest = :digest OR m.manifest = oci_manifest.subject))
   AND NOT EXISTS (SELECT 1 FROM oci_need AS n WHERE n.repository = :repository
                      AND n.digest = :digest);
