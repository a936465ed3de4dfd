-- 0002_incident: events, the incidents they belong to, what happened to those, and evidence named.
CREATE TABLE incident (
  id              TEXT PRIMARY KEY,
  version         INTEGER NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
  title           TEXT NOT NULL,
  device          TEXT NOT NULL,
  camera          TEXT NOT NULL,
  rule_id         TEXT NOT NULL,
  zone            TEXT NOT NULL,
  severity        INTEGER NOT NULL,  -- 0 info .. 4 critical; the highest of its events
  started_us      INTEGER NOT NULL,
  ended_us        INTEGER,           -- NULL while an event of it goes on
  last_us         INTEGER NOT NULL,  -- latest time any event of it is known to have gone on
  updated_us      INTEGER NOT NULL,
  event_count     INTEGER NOT NULL,
  score           REAL NOT NULL,
  best_event      TEXT,              -- whose picture is the headline
  acknowledged_by TEXT,
  acknowledged_us INTEGER,
  resolved_by     TEXT,
  resolved_us     INTEGER,
  verdict         TEXT,
  note            TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_newest ON incident (started_us DESC, id DESC);
CREATE INDEX incident_source ON incident (device, camera, rule_id, started_us);
CREATE INDEX incident_state ON incident (state);

CREATE TABLE event (
  id           TEXT PRIMARY KEY,
  incident     TEXT NOT NULL REFERENCES incident (id),
  revision     INTEGER NOT NULL,
  device       TEXT NOT NULL,
  camera       TEXT NOT NULL,
  rule_id      TEXT NOT NULL,
  rule_version TEXT NOT NULL,
  severity     INTEGER NOT NULL,
  class_name   TEXT NOT NULL,
  start_us     INTEGER NOT NULL,
  update_us    INTEGER NOT NULL,
  end_us       INTEGER,
  score        REAL NOT NULL,
  model_name   TEXT NOT NULL,
  model_digest TEXT NOT NULL,
  snapshot     TEXT,                 -- digest
  width_px     INTEGER NOT NULL,     -- of the snapshot
  height_px    INTEGER NOT NULL,
  captured_us  INTEGER,
  boxes        TEXT NOT NULL,        -- JSON list of Box
  zone_points  TEXT,                 -- JSON list of Point
  json         TEXT NOT NULL,        -- the whole revision as it came
  received_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX event_incident ON event (incident, start_us);
CREATE INDEX event_camera ON event (device, camera, start_us);

CREATE TABLE history (
  incident TEXT NOT NULL REFERENCES incident (id),
  n        INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  at_us    INTEGER NOT NULL,
  who      TEXT NOT NULL,
  what     TEXT NOT NULL,
  text     TEXT,
  PRIMARY KEY (incident, n)
) STRICT, WITHOUT ROWID;

-- What events name. A device may send only what one of its events names.
CREATE TABLE evidence (
  digest TEXT NOT NULL,
  device TEXT NOT NULL,
  event  TEXT NOT NULL REFERENCES event (id),
  kind   TEXT NOT NULL,
  bytes  INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  PRIMARY KEY (digest, device, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_event ON evidence (event);

-- What is here, or was here.
CREATE TABLE blob (
  digest      TEXT PRIMARY KEY,
  bytes       INTEGER NOT NULL,
  arrived_us  INTEGER NOT NULL,
  deleted_us  INTEGER,
  deleted_why TEXT
) STRICT, WITHOUT ROWID;
