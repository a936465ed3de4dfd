-- outbox_remove: 1 row = it was waiting and is gone; 0 rows = it was gone already.
DELETE FROM message WHERE seq = :seq;
