-- trim_bound: rows = ended messages older than a day
DELETE FROM devicebound WHERE state <> 'queued' AND ended_us < :before;
