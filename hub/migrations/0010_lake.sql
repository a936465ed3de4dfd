-- 0010_lake: what still has to be written to the lake's files. Each change of a row adds one; the
-- export takes them in order and removes them after the files are whole.
CREATE TABLE lake_todo (
  seq  INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  id   TEXT NOT NULL
) STRICT;
CREATE TABLE lake_total (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  files      INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  written_us INTEGER NOT NULL,
  why        TEXT
) STRICT;
INSERT INTO lake_total VALUES (1, 0, 0, 0, NULL);

INSERT INTO lake_todo (kind, id) SELECT 'event', id FROM event ORDER BY received_us, id;
INSERT INTO lake_todo (kind, id) SELECT 'incident', id FROM incident ORDER BY updated_us, id;
INSERT INTO lake_todo (kind, id) SELECT 'media', digest FROM blob ORDER BY arrived_us, digest;

CREATE TRIGGER lake_event_new AFTER INSERT ON event BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('event', new.id); END;
CREATE TRIGGER lake_event_changed AFTER UPDATE ON event WHEN new.revision <> old.revision BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('event', new.id); END;
CREATE TRIGGER lake_incident_new AFTER INSERT ON incident BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('incident', new.id); END;
CREATE TRIGGER lake_incident_changed AFTER UPDATE ON incident WHEN new.version <> old.version BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('incident', new.id); END;
CREATE TRIGGER lake_media_new AFTER INSERT ON blob BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('media', new.digest); END;
CREATE TRIGGER lake_media_changed AFTER UPDATE ON blob BEGIN
  INSERT INTO lake_todo (kind, id) VALUES ('media', new.digest); END;
CREATE TRIGGER lake_window_new AFTER INSERT ON watch_window BEGIN
  INSERT INTO lake_todo (kind, id)
  VALUES ('window', new.device || char(10) || new.camera || char(10) || new.start_us); END;
