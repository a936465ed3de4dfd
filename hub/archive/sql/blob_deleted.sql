-- blob_deleted: 1 row = the deletion is recorded.
UPDATE blob SET deleted_us = :now_us, deleted_why = :why WHERE digest = :digest AND deleted_us IS NULL;
