-- 0003_people: users, their sessions, and what was sent to whom.
CREATE TABLE user (
  name       TEXT PRIMARY KEY,
  role       TEXT NOT NULL CHECK (role IN ('administrator', 'operator', 'viewer')),
  email      TEXT,
  password   TEXT NOT NULL,          -- argon2id, encoded form
  created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A session's or token's 256 random bits are kept as their SHA-256 only.
CREATE TABLE session (
  hash       TEXT PRIMARY KEY,
  user       TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('cookie', 'token')),
  created_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user);

CREATE TABLE delivery (
  id         TEXT PRIMARY KEY,
  incident   TEXT NOT NULL REFERENCES incident (id),
  channel    TEXT NOT NULL CHECK (channel IN ('email', 'webhook')),
  target     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  rule_id    TEXT NOT NULL,
  device     TEXT NOT NULL,
  camera     TEXT NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed', 'suppressed')),
  created_us INTEGER NOT NULL,
  next_us    INTEGER,                -- when to try (again); NULL when nothing is left to do
  attempts   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (next_us) WHERE next_us IS NOT NULL;
CREATE INDEX delivery_incident ON delivery (incident);
CREATE INDEX delivery_cool ON delivery (device, camera, rule_id, channel, target, created_us);

CREATE TABLE delivery_attempt (
  delivery TEXT NOT NULL REFERENCES delivery (id),
  n        INTEGER NOT NULL,
  at_us    INTEGER NOT NULL,
  ok       INTEGER NOT NULL,
  answer   TEXT NOT NULL,
  PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;
