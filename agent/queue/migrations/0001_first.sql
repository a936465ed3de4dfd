-- 0001_first: the waiting messages, the evidence they need, what was lost.
-- A message is one revision of an event. seq counts accepted messages and is the order they go out.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,             -- the message's own ULID
    camera TEXT NOT NULL,
    priority INTEGER NOT NULL,    -- the event's severity: 0 info .. 4 critical
    accepted_us INTEGER NOT NULL, -- UTC
    bytes INTEGER NOT NULL,
    evidence TEXT NOT NULL,       -- SHA-256 digests, one behind the other, 64 characters each
    body BLOB NOT NULL            -- JSON
);
-- Finds the least important, oldest message, and adds up the backlog without touching bodies.
CREATE INDEX message_by_priority ON message (priority, seq, bytes);
-- Evidence kept here. needed: waiting messages that name it. ready: the hub has a message that names
-- it. sent: the hub has it whole. It goes when nothing needs it and it was sent or will never be.
CREATE TABLE blob (
    digest TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    added_us INTEGER NOT NULL,
    needed INTEGER NOT NULL,
    ready INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    retry_us INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    reason TEXT
) WITHOUT ROWID;
CREATE INDEX blob_to_send ON blob (retry_us, added_us) WHERE ready = 1 AND sent = 0;
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
