-- oci_blob_add: 1 row = the repository has the blob now; 0 rows = it had it.
INSERT INTO oci_blob (repository, digest, bytes, added_us)
VALUES (:repository, :digest, :bytes, :now_us) ON CONFLICT DO NOTHING;
