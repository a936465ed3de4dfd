-- user_count: reads only.
SELECT COUNT(*) FROM user;
