-- dataset_add: 1 row = a new version; 0 rows = it is there.
INSERT INTO dataset (digest, name, task, seed, made_us, made_by, pictures, boxes, classes, train,
                     val, test)
VALUES (:digest, :name, :task, :seed, :now_us, :who, :pictures, :boxes, :classes, :train, :val,
        :test)
ON CONFLICT (digest) DO NOTHING;
