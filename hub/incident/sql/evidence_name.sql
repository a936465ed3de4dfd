-- evidence_name: 1 row = named for the first time by this event; 0 rows = known.
INSERT INTO evidence (digest, device, event, kind, bytes, content_type)
VALUES (:digest, :device, :event, :kind, :bytes, :content_type)
ON CONFLICT DO NOTHING;
