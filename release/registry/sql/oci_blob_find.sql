-- oci_blob_find: reads only; a row = the repository has the blob.
SELECT bytes FROM oci_blob WHERE repository = :repository AND digest = :digest;
