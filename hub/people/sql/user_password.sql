-- user_password: 1 row = changed; 0 rows = there is no such user.
UPDATE user SET password = :password WHERE name = :name;
