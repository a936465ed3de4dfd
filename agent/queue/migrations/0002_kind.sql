-- 0002_kind: messages that are no events (samples, sketches) wait here too.
ALTER TABLE message ADD COLUMN kind TEXT NOT NULL DEFAULT 'event';
