-- lineage_run: reads only; a run, those of a dataset, and those that began with or measured a model.
SELECT id, kind, state, created_by, created_us, dataset FROM run
 WHERE id = :thing OR dataset = :thing OR model = :thing
    OR id = (SELECT m.run FROM model AS m WHERE m.digest = :thing)
 ORDER BY id DESC LIMIT 100;
