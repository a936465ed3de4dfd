-- model_version_free: reads only; a row = the version is taken.
SELECT digest FROM model WHERE name = :name AND version = :version;
