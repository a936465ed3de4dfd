-- pool_has_add: 1 row = one more box of the class.
INSERT INTO pool_has (picture, what, class, boxes) VALUES (:picture, :what, :class, 1)
ON CONFLICT (picture, what, class) DO UPDATE SET boxes = pool_has.boxes + 1;
