-- attempt_add: 1 row = kept.
INSERT INTO delivery_attempt (delivery, n, at_us, ok, answer)
SELECT :delivery, COALESCE(MAX(n), 0) + 1, :now_us, :ok, :answer
  FROM delivery_attempt WHERE delivery = :delivery;
