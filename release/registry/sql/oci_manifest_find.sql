-- oci_manifest_find: reads only; by digest, or by tag when :digest is NULL.
SELECT digest, media_type, body FROM oci_manifest
 WHERE repository = :repository
   AND digest = COALESCE(:digest, (SELECT t.digest FROM oci_tag AS t
                                    WHERE t.repository = :repository AND t.tag = :tag));
