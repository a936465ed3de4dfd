-- 0003_held: evidence that stays here until the hub asks for it, and whose evidence was chosen to go.
ALTER TABLE blob ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
DROP INDEX blob_to_send;
CREATE INDEX blob_to_send ON blob (retry_us, added_us) WHERE ready = 1 AND sent = 0 AND held = 0;
CREATE INDEX blob_held ON blob (bytes) WHERE held = 1;
-- Events of the last day that were counted against the budget.
CREATE TABLE choice (
    event TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX choice_by_time ON choice (at_us);
