-- session_add: 1 row = begun.
INSERT INTO session (hash, user, kind, created_us, expires_us)
VALUES (:hash, :user, :kind, :now_us, :expires_us);
