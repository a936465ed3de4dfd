-- outbox_blob_known: reads one row when the blob is kept here.
SELECT bytes FROM blob WHERE digest = :digest;
