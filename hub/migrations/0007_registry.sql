-- 0007_registry: what the registry holds (OCI blobs, manifests, tags), models and their decisions.

-- Which repository may serve which file of the blob folder.
CREATE TABLE oci_blob (
  repository TEXT NOT NULL,
  digest     TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  added_us   INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;

-- The exact bytes that were pushed.
CREATE TABLE oci_manifest (
  repository    TEXT NOT NULL,
  digest        TEXT NOT NULL,
  media_type    TEXT NOT NULL,
  artifact_type TEXT NOT NULL,       -- the config's type when the manifest names none
  subject       TEXT,                -- digest of the manifest it speaks of, which may come later
  body          BLOB NOT NULL,
  added_us      INTEGER NOT NULL,
  added_by      TEXT NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX oci_manifest_subject ON oci_manifest (repository, subject) WHERE subject IS NOT NULL;

-- Files (and, for an index, manifests) that must stay while a manifest stands.
CREATE TABLE oci_need (
  repository TEXT NOT NULL,
  manifest   TEXT NOT NULL,
  digest     TEXT NOT NULL,
  PRIMARY KEY (repository, manifest, digest),
  FOREIGN KEY (repository, manifest) REFERENCES oci_manifest (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oci_need_digest ON oci_need (repository, digest);

CREATE TABLE oci_tag (
  repository TEXT NOT NULL,
  tag        TEXT NOT NULL,
  digest     TEXT NOT NULL,
  moved_us   INTEGER NOT NULL,
  PRIMARY KEY (repository, tag),
  FOREIGN KEY (repository, digest) REFERENCES oci_manifest (repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oci_tag_digest ON oci_tag (repository, digest);

CREATE TABLE model (
  digest             TEXT PRIMARY KEY, -- SHA-256 of its .onnx file
  id                 TEXT NOT NULL UNIQUE, -- ULID: order of registration
  name               TEXT NOT NULL,
  version            INTEGER NOT NULL, -- counts up within the name
  state              TEXT NOT NULL CHECK (state IN ('candidate', 'champion', 'retired')),
  manifest           TEXT NOT NULL,    -- digest, in repository models/NAME
  descriptor         TEXT NOT NULL,    -- digests of these two layers
  labels             TEXT NOT NULL,
  key                TEXT NOT NULL,    -- id of the key that signed it
  bytes              INTEGER NOT NULL,
  classes            TEXT NOT NULL,    -- JSON list
  score_min          REAL NOT NULL,
  reference_pictures INTEGER NOT NULL,
  dataset            TEXT,
  run                TEXT,
  parent             TEXT,
  note               TEXT,
  registered_us      INTEGER NOT NULL,
  registered_by      TEXT NOT NULL,
  approved_us        INTEGER,
  approved_by        TEXT,
  forced             INTEGER NOT NULL DEFAULT 0,
  UNIQUE (name, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX model_champion ON model (name) WHERE state = 'champion';
CREATE INDEX model_dataset ON model (dataset) WHERE dataset IS NOT NULL;
CREATE INDEX model_run ON model (run) WHERE run IS NOT NULL;
CREATE INDEX model_parent ON model (parent) WHERE parent IS NOT NULL;

CREATE TABLE model_history (
  id      TEXT PRIMARY KEY,          -- ULID
  model   TEXT NOT NULL REFERENCES model (digest),
  at_us   INTEGER NOT NULL,
  who     TEXT NOT NULL,
  what    TEXT NOT NULL CHECK (what IN
            ('registered', 'promoted', 'forced', 'refused', 'replaced', 'retired')),
  reason  TEXT,
  verdict TEXT                       -- JSON: what the gate said
) STRICT, WITHOUT ROWID;
CREATE INDEX model_history_model ON model_history (model, id);
