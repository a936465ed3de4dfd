-- user_find: reads only.
SELECT name, role, email, password, created_us FROM user WHERE name = :name;
