-- model_history_add: 1 row = noted.
INSERT INTO model_history (id, model, at_us, who, what, reason, verdict)
VALUES (:id, :model, :now_us, :who, :what, :reason, :verdict);
