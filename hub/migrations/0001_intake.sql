-- 0001_intake: identities, twins, messages in and out.

-- Symmetric keys are sealed with the hub's secret key, never in clear.
CREATE TABLE policy (
    name       TEXT PRIMARY KEY,
    key_sealed TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE device (
    id               TEXT PRIMARY KEY,
    generation       TEXT NOT NULL,
    enabled          INTEGER NOT NULL DEFAULT 1,
    primary_sealed   TEXT NOT NULL,
    secondary_sealed TEXT NOT NULL,
    created_us       INTEGER NOT NULL,
    seen_us          INTEGER NOT NULL DEFAULT 0,
    skew_ms          INTEGER
) STRICT;

-- Each *_meta mirrors its section's tree with $lastUpdated at every level.
CREATE TABLE twin (
    device           TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    version          INTEGER NOT NULL DEFAULT 1,
    tags             TEXT NOT NULL DEFAULT '{}',
    desired          TEXT NOT NULL DEFAULT '{}',
    desired_version  INTEGER NOT NULL DEFAULT 1,
    desired_meta     TEXT NOT NULL DEFAULT '{}',
    reported         TEXT NOT NULL DEFAULT '{}',
    reported_version INTEGER NOT NULL DEFAULT 1,
    reported_meta    TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Telemetry that is no event. A message id makes a second arrival harmless.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    device      TEXT NOT NULL,
    mid         TEXT,
    bag         TEXT NOT NULL,
    body        BLOB NOT NULL,
    received_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_by_mid ON message (device, mid) WHERE mid IS NOT NULL;

-- Events that could not be read, with the reason; answered, so that they block no queue.
CREATE TABLE refused (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    device      TEXT NOT NULL,
    bag         TEXT NOT NULL,
    body        BLOB NOT NULL,
    why         TEXT NOT NULL,
    received_us INTEGER NOT NULL
) STRICT;

-- Cloud to device. state: queued, completed, expired, dead (delivered ten times, never answered).
CREATE TABLE devicebound (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    device     TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    bag        TEXT NOT NULL,
    body       BLOB NOT NULL,
    expires_us INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0,
    state      TEXT NOT NULL DEFAULT 'queued',
    ended_us   INTEGER
) STRICT;
CREATE INDEX devicebound_waiting ON devicebound (device, seq) WHERE state = 'queued';
