-- run_add: 1 row = it waits in the queue.
INSERT INTO run (id, kind, name, state, config, dataset, model, split, created_by, created_us, updated_us)
VALUES (:run, :kind, :name, 'queued', :config, :dataset, :model, :split, :who, :now_us, :now_us);
