-- media_add: 1 row = the wish is noted.
INSERT INTO media (id, device, camera, from_us, to_us, asked_by, asked_us, state)
VALUES (:id, :device, :camera, :from_us, :to_us, :who, :now_us, 'asked');
