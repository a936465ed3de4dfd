-- lineage_dataset: reads only.
SELECT name, made_us, pictures FROM dataset WHERE digest = :digest;
