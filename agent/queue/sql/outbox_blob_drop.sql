-- outbox_blob_drop: 1 row = given up; 0 rows = a waiting message still needs it.
DELETE FROM blob WHERE digest = :digest AND needed = 0;
