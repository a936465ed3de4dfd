-- blob_use: 1 row = somebody needs the file now, or holds it in another way than before.
INSERT INTO blob_use (digest, what, id, content_type, held, device, bytes)
VALUES (:digest, :what, :id, :content_type, :held, :device, :bytes)
ON CONFLICT (digest, what, id) DO UPDATE SET held = excluded.held WHERE held <> excluded.held;
