-- add_message: 1 row = kept; 0 rows = this message id came before
INSERT INTO message (device, mid, bag, body, received_us)
VALUES (:device, :mid, :bag, :body, :now)
    ON CONFLICT DO NOTHING;
