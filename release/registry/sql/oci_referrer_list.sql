-- oci_referrer_list: reads only; oldest first.
SELECT digest, media_type, artifact_type, length(body), body FROM oci_manifest
 WHERE repository = :repository AND subject = :subject
   AND (:artifact_type IS NULL OR artifact_type = :artifact_type)
 ORDER BY added_us, digest LIMIT 500;
