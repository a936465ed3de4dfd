-- oci_blob_remove: 1 row = removed; 0 rows = it was not there, or a manifest needs it.
DELETE FROM oci_blob WHERE repository = :repository AND digest = :digest
   AND NOT EXISTS (SELECT 1 FROM oci_need AS n WHERE n.repository = :repository
                      AND n.digest = :digest);
