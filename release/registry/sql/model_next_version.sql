-- model_next_version: reads only; one row.
SELECT COALESCE(MAX(version), 0) + 1 FROM model WHERE name = :name;
