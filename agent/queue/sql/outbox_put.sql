-- outbox_put: 1 row = accepted.
INSERT INTO message (seq, id, camera, priority, accepted_us, bytes, evidence, body, kind)
VALUES (:seq, :id, :camera, :priority, :now, :bytes, :evidence, :body, :kind);
