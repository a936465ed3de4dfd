-- oci_need_add: 1 row = noted.
INSERT INTO oci_need (repository, manifest, digest) VALUES (:repository, :manifest, :digest)
ON CONFLICT DO NOTHING;
