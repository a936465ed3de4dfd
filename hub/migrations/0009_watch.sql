-- 0009_watch: what cameras look like over time, when that changed, and events that no rule made.
ALTER TABLE event ADD COLUMN kind TEXT NOT NULL DEFAULT 'zone';

CREATE TABLE watch_camera (
  device          TEXT NOT NULL,
  camera          TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('learning', 'steady', 'drifted')),
  since_us        INTEGER NOT NULL,  -- of the state
  first_us        INTEGER NOT NULL,  -- start of the first window ever
  last_start_us   INTEGER NOT NULL,  -- the newest window
  last_end_us     INTEGER NOT NULL,
  pictures        INTEGER NOT NULL,  -- in it
  reference_us    INTEGER NOT NULL,  -- windows before this are no reference
  reference_by    TEXT,              -- who asked for it
  calm            INTEGER NOT NULL,  -- windows in a row like the reference, while drifted
  changes         TEXT NOT NULL,     -- JSON list of WatchChange
  text            TEXT,              -- the same in words
  severity        TEXT,
  event           TEXT,              -- of the drift that goes on, or went on last
  revision        INTEGER NOT NULL,
  incident        TEXT,
  sampling        INTEGER NOT NULL,  -- 1: the sampling budget shall be raised
  sampling_done   INTEGER NOT NULL,  -- 1: it is
  sampling_before TEXT,              -- what the twin said before, JSON
  PRIMARY KEY (device, camera)
) STRICT, WITHOUT ROWID;

CREATE TABLE watch_window (
  device      TEXT NOT NULL,
  camera      TEXT NOT NULL,
  start_us    INTEGER NOT NULL,
  end_us      INTEGER NOT NULL,
  pictures    INTEGER NOT NULL,
  live_us     INTEGER NOT NULL,
  apart       INTEGER NOT NULL,      -- 1: part of a drift, never of a reference
  picture     TEXT,                  -- digest
  bytes       INTEGER,
  width_px    INTEGER,
  height_px   INTEGER,
  captured_us INTEGER,
  json        TEXT NOT NULL,         -- the sketches as they came
  received_us INTEGER NOT NULL,
  PRIMARY KEY (device, camera, start_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX watch_window_picture ON watch_window (device, camera, start_us) WHERE picture IS NOT NULL;

-- One number per window and series.
CREATE TABLE watch_value (
  device    TEXT NOT NULL,
  camera    TEXT NOT NULL,
  series    TEXT NOT NULL,
  start_us  INTEGER NOT NULL,
  end_us    INTEGER NOT NULL,
  model     TEXT NOT NULL,           -- digest, for series that depend on it; otherwise ''
  count     INTEGER NOT NULL,
  mean      REAL NOT NULL,           -- as people read it
  sd        REAL NOT NULL,
  value     REAL NOT NULL,           -- as it is tested
  detail    TEXT,                    -- of the class mix: JSON object of counts
  reference INTEGER NOT NULL,
  shift     REAL,
  differs   INTEGER NOT NULL,
  PRIMARY KEY (device, camera, series, start_us)
) STRICT, WITHOUT ROWID;
CREATE INDEX watch_value_reference ON watch_value (device, camera, series, start_us) WHERE reference;

CREATE TABLE watch_detector (
  device   TEXT NOT NULL,
  camera   TEXT NOT NULL,
  series   TEXT NOT NULL,
  evidence REAL NOT NULL,
  page     REAL NOT NULL,
  since_us INTEGER NOT NULL,
  PRIMARY KEY (device, camera, series)
) STRICT, WITHOUT ROWID;
