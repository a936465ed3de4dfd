-- 0008_rollout: models on their way to devices.
CREATE TABLE rollout (
  id         TEXT PRIMARY KEY,       -- ULID
  version    INTEGER NOT NULL,       -- rises with every change; a change guards itself with it
  state      TEXT NOT NULL CHECK (state IN ('canary', 'stages', 'done', 'halted', 'returned', 'superseded')),
  why        TEXT,
  model      TEXT NOT NULL,          -- digest of the weights: what events carry
  name       TEXT NOT NULL,
  manifest   TEXT NOT NULL,          -- digest
  repository TEXT NOT NULL,
  key        TEXT NOT NULL,          -- base64, of who signed it
  condition  TEXT NOT NULL,
  canary     TEXT,
  false_alarm_limit REAL NOT NULL,
  soak_s     INTEGER NOT NULL,
  stages     TEXT NOT NULL,          -- JSON list of per cent
  stage      INTEGER NOT NULL,       -- 0: the canary
  stage_us   INTEGER NOT NULL,       -- since when it is in this stage
  release    TEXT NOT NULL,          -- ULID that the devices are told; a resume makes another
  note       TEXT,
  started_by TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  ended_us   INTEGER
) STRICT, WITHOUT ROWID;

-- Kept when the device is deleted: it is history then.
CREATE TABLE rollout_device (
  rollout   TEXT NOT NULL REFERENCES rollout (id),
  device    TEXT NOT NULL,
  state     TEXT NOT NULL,
  want      TEXT NOT NULL CHECK (want IN ('nothing', 'new', 'former')),
  written   INTEGER NOT NULL,        -- what is wanted is in its twin
  release   TEXT,                    -- that it was told
  former    TEXT,                    -- its desired model before, JSON; NULL: none, the device's own
  former_known INTEGER NOT NULL,
  since_us  INTEGER NOT NULL,        -- of the state
  active_us INTEGER,                 -- when it was first seen to use the model
  up_us     INTEGER,                 -- since when it is connected and well
  why       TEXT,
  pictures  INTEGER NOT NULL DEFAULT 0,
  errors    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (rollout, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollout_device_device ON rollout_device (device);

CREATE TABLE rollout_history (
  rollout TEXT NOT NULL REFERENCES rollout (id),
  n       INTEGER NOT NULL,
  at_us   INTEGER NOT NULL,
  who     TEXT NOT NULL,
  what    TEXT NOT NULL,
  device  TEXT,
  text    TEXT,
  PRIMARY KEY (rollout, n)
) STRICT, WITHOUT ROWID;
