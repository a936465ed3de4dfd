-- 0011_media: ranges of a camera's recording that somebody asked its device for.
CREATE TABLE media (
  id        TEXT PRIMARY KEY,
  device    TEXT NOT NULL,
  camera    TEXT NOT NULL,
  from_us   INTEGER NOT NULL,
  to_us     INTEGER NOT NULL,
  asked_by  TEXT NOT NULL,
  asked_us  INTEGER NOT NULL,
  state     TEXT NOT NULL CHECK (state IN ('asked', 'cut', 'failed')),
  why       TEXT,
  hint      TEXT,
  digest    TEXT,             -- of what was cut, an MP4
  bytes     INTEGER,
  start_us  INTEGER,          -- of what there was of the range
  end_us    INTEGER,
  width_px  INTEGER,
  height_px INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX media_camera ON media (device, camera, id);
