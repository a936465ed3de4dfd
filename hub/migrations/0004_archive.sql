-- 0004_archive: labelled items left by people's verdicts.
CREATE TABLE item (
  id            TEXT PRIMARY KEY,
  picture       TEXT NOT NULL,
  width_px      INTEGER NOT NULL,
  height_px     INTEGER NOT NULL,
  boxes         TEXT NOT NULL,
  verdict       TEXT NOT NULL,
  model_name    TEXT NOT NULL,
  model_digest  TEXT NOT NULL,
  rule_id       TEXT NOT NULL,
  rule_version  TEXT NOT NULL,
  incident      TEXT NOT NULL REFERENCES incident (id),
  event         TEXT NOT NULL REFERENCES event (id),
  device        TEXT NOT NULL,
  camera        TEXT NOT NULL,
  captured_us   INTEGER NOT NULL,
  labelled_us   INTEGER NOT NULL,
  labelled_by   TEXT NOT NULL,
  withdrawn_us  INTEGER              -- set when the resolution was undone
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX item_live ON item (event) WHERE withdrawn_us IS NULL;
CREATE INDEX item_incident ON item (incident);
