-- blob_arrived: 1 row = the file is here now; 0 rows = it was.
INSERT INTO blob (digest, bytes, arrived_us) VALUES (:digest, :bytes, :now_us)
ON CONFLICT (digest) DO UPDATE SET arrived_us = excluded.arrived_us, deleted_us = NULL,
  deleted_why = NULL WHERE blob.deleted_us IS NOT NULL;
