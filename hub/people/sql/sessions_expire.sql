-- sessions_expire: rows = expired sessions forgotten.
DELETE FROM session WHERE expires_us <= :now_us;
