-- add_policy: 1 row = added; 0 rows = there already
INSERT INTO policy (name, key_sealed, created_us)
VALUES (:name, :key, :now)
    ON CONFLICT DO NOTHING;
