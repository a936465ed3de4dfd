-- session_find: reads only; no row = unknown or expired.
SELECT u.name, u.role, u.email, u.password, u.created_us, s.kind, s.expires_us
  FROM session AS s JOIN user AS u ON u.name = s.user
 WHERE s.hash = :hash AND s.expires_us > :now_us;
