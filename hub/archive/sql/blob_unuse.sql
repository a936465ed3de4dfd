-- blob_unuse: rows = files this user does not need any more.
DELETE FROM blob_use WHERE what = :what AND id = :id;
