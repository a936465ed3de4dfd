-- 0005_dataset: who needs a file beside incidents; the pool, its labels; dataset versions.

-- A file may be named by the pool, datasets, runs and models. A held one stays, whatever retention
-- says; `device` may send it when its message named it.
CREATE TABLE blob_use (
  digest       TEXT NOT NULL,
  what         TEXT NOT NULL,        -- pool, dataset, run, model
  id           TEXT NOT NULL,
  content_type TEXT NOT NULL,
  held         INTEGER NOT NULL,
  device       TEXT,
  bytes        INTEGER,
  PRIMARY KEY (digest, what, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_use_by_id ON blob_use (what, id);

-- The classes a label may use.
CREATE TABLE pool_class (
  name     TEXT PRIMARY KEY,
  added_us INTEGER NOT NULL,
  added_by TEXT NOT NULL             -- a user's name, or "model:NAME"
) STRICT, WITHOUT ROWID;

CREATE TABLE pool (
  picture      TEXT PRIMARY KEY,     -- digest
  version      INTEGER NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('none', 'proposed', 'labelled', 'reviewed')),
  source       TEXT NOT NULL CHECK (source IN ('incident', 'sample', 'import')),
  reason       TEXT NOT NULL,
  device       TEXT NOT NULL,
  camera       TEXT NOT NULL,
  captured_us  INTEGER NOT NULL,
  time_known   INTEGER NOT NULL,     -- 0: captured_us is when it was imported
  added_us     INTEGER NOT NULL,
  width_px     INTEGER NOT NULL,
  height_px    INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  proposals    TEXT NOT NULL,        -- JSON list of Box
  wrong        TEXT NOT NULL,        -- JSON list of Box: refused by a person's verdict
  model_name   TEXT,
  model_digest TEXT,
  incident     TEXT,
  uncertainty  REAL NOT NULL,        -- 0..1, of the proposals
  bonus        REAL NOT NULL,        -- what its reason adds to what it teaches
  -- the label; NULL verdict: none
  verdict      TEXT CHECK (verdict IN ('objects', 'nothing', 'unusable')),
  boxes        TEXT NOT NULL DEFAULT '[]',
  class        TEXT,
  labelled_by  TEXT,
  labelled_us  INTEGER,
  spent_ms     INTEGER,
  -- the second person's word on it; NULL: none
  agree        INTEGER,
  reviewed_by  TEXT,
  reviewed_us  INTEGER,
  note         TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX pool_camera ON pool (device, camera, captured_us, verdict);
CREATE INDEX pool_state ON pool (state);
CREATE INDEX pool_newest ON pool (added_us DESC, picture DESC);
CREATE INDEX pool_incident ON pool (incident) WHERE incident IS NOT NULL;

-- Which classes a picture has, proposed and labelled; made from the two lists above.
CREATE TABLE pool_has (
  picture TEXT NOT NULL REFERENCES pool (picture) ON DELETE CASCADE,
  what    TEXT NOT NULL CHECK (what IN ('proposal', 'label')),
  class   TEXT NOT NULL,
  boxes   INTEGER NOT NULL,
  PRIMARY KEY (picture, what, class)
) STRICT, WITHOUT ROWID;
CREATE INDEX pool_has_class ON pool_has (what, class, boxes);

-- Every version of a picture's label, whole.
CREATE TABLE pool_history (
  picture     TEXT NOT NULL REFERENCES pool (picture) ON DELETE CASCADE,
  version     INTEGER NOT NULL,
  at_us       INTEGER NOT NULL,
  who         TEXT NOT NULL,
  what        TEXT NOT NULL,
  state       TEXT NOT NULL,
  verdict     TEXT,
  boxes       TEXT NOT NULL,
  class       TEXT,
  labelled_by TEXT,
  labelled_us INTEGER,
  spent_ms    INTEGER,
  agree       INTEGER,
  reviewed_by TEXT,
  reviewed_us INTEGER,
  note        TEXT,
  PRIMARY KEY (picture, version)
) STRICT, WITHOUT ROWID;

-- A version of a dataset; its manifest is the file that the digest names.
CREATE TABLE dataset (
  digest   TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  task     TEXT NOT NULL CHECK (task IN ('detection', 'classification')),
  seed     INTEGER NOT NULL,
  made_us  INTEGER NOT NULL,
  made_by  TEXT NOT NULL,
  pictures INTEGER NOT NULL,
  boxes    INTEGER NOT NULL,
  classes  TEXT NOT NULL,            -- JSON list
  train    INTEGER NOT NULL,
  val      INTEGER NOT NULL,
  test     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_newest ON dataset (made_us DESC, digest DESC);

-- What was trained or measured on a split, once per run.
CREATE TABLE dataset_use (
  dataset TEXT NOT NULL REFERENCES dataset (digest),
  split   TEXT NOT NULL CHECK (split IN ('train', 'val', 'test')),
  run     TEXT NOT NULL,
  at_us   INTEGER NOT NULL,
  PRIMARY KEY (dataset, split, run)
) STRICT, WITHOUT ROWID;
