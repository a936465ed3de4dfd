-- get_policy: reads the sealed key
SELECT key_sealed FROM policy WHERE name = :name;
