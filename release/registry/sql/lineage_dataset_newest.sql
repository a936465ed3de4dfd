-- lineage_dataset_newest: reads only; versions in which a picture may be, newest first.
SELECT digest FROM dataset ORDER BY made_us DESC, digest DESC LIMIT 200;
