-- user_add: 1 row = created; a name that is taken is a conflict.
INSERT INTO user (name, role, email, password, created_us)
VALUES (:name, :role, :email, :password, :now_us);
