-- pool_class_known: reads only; a row = a label may use the class.
SELECT 1 FROM pool_class WHERE name = :name;
