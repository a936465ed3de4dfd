-- 0006_training: runs, what they said on their way, and the files they left.
CREATE TABLE run (
  id              TEXT PRIMARY KEY,
  version         INTEGER NOT NULL DEFAULT 1,
  kind            TEXT NOT NULL,
  name            TEXT NOT NULL,
  state           TEXT NOT NULL,      -- queued, leased, done, failed, cancelled
  config          TEXT NOT NULL,      -- JSON, whole, sorted by name
  dataset         TEXT NOT NULL,
  model           TEXT NOT NULL,
  split           TEXT NOT NULL,
  created_by      TEXT NOT NULL,
  created_us      INTEGER NOT NULL,
  started_us      INTEGER,
  updated_us      INTEGER NOT NULL,
  ended_us        INTEGER,
  worker          TEXT,
  lease           TEXT,               -- the newest; older ones change nothing any more
  lease_until_us  INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  lost            INTEGER NOT NULL DEFAULT 0,
  step            INTEGER NOT NULL DEFAULT 0,
  steps           INTEGER NOT NULL DEFAULT 0,
  why             TEXT,               -- JSON ErrorBody
  summary         TEXT                -- JSON RunSummary of report.json
) STRICT, WITHOUT ROWID;
CREATE INDEX run_waiting ON run (id) WHERE state IN ('queued', 'leased');
CREATE INDEX run_of ON run (model, dataset, kind);
CREATE TABLE run_point (
  run     TEXT NOT NULL REFERENCES run (id),
  step    INTEGER NOT NULL,
  at_us   INTEGER NOT NULL,
  told    TEXT NOT NULL,              -- JSON: series and numbers
  PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_word (
  id      INTEGER PRIMARY KEY,
  run     TEXT NOT NULL REFERENCES run (id),
  at_us   INTEGER NOT NULL,
  text    TEXT NOT NULL
) STRICT;
CREATE INDEX run_word_run ON run_word (run, id);
CREATE TABLE run_file (
  run     TEXT NOT NULL REFERENCES run (id),
  name    TEXT NOT NULL,
  digest  TEXT NOT NULL,
  bytes   INTEGER NOT NULL,
  put_us  INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_file_digest ON run_file (digest);
CREATE TABLE run_trash (              -- blobs that no run names any more and that are still there
  digest  TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
