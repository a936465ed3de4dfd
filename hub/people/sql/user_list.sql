-- user_list: reads only.
SELECT name, role, email, created_us FROM user ORDER BY name LIMIT 1000;
