-- add_refused: 1 row = kept for a person to look at
INSERT INTO refused (device, bag, body, why, received_us)
VALUES (:device, :bag, :body, :why, :now);
