-- outbox_blob_later: 1 row = it waits until :retry.
UPDATE blob SET retry_us = :retry, tries = tries + 1, reason = :reason
 WHERE digest = :digest AND sent = 0;
