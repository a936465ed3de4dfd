-- dataset_use: 1 row = one more use; 0 rows = this run was counted.
INSERT INTO dataset_use (dataset, split, run, at_us) VALUES (:dataset, :split, :run, :now_us)
ON CONFLICT (dataset, split, run) DO NOTHING;
