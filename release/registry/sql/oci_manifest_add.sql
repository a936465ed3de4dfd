-- oci_manifest_add: 1 row = added; 0 rows = it was there.
INSERT INTO oci_manifest (repository, digest, media_type, artifact_type, subject, body, added_us,
                          added_by)
VALUES (:repository, :digest, :media_type, :artifact_type, :subject, :body, :now_us, :who)
ON CONFLICT DO NOTHING;
