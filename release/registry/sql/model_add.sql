-- model_add: 1 row = registered; a conflict = weights or version are taken.
INSERT INTO model (digest, id, name, version, state, manifest, descriptor, labels, key, bytes,
                   classes, score_min, reference_pictures, dataset, run, parent, note,
                   registered_us, registered_by)
VALUES (:digest, :id, :name, :version, 'candidate', :manifest, :descriptor, :labels, :key, :bytes,
        :classes, :score_min, :reference_pictures, :dataset, :run, :parent, :note, :now_us, :who);
