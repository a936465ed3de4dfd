-- pool_class_add: 1 row = the class is new.
INSERT INTO pool_class (name, added_us, added_by) VALUES (:name, :now_us, :who)
ON CONFLICT (name) DO NOTHING;
