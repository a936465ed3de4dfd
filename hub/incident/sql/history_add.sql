-- history_add: 1 row = written, under the incident's version of this moment.
INSERT INTO history (incident, n, version, at_us, who, what, text)
SELECT i.id, (SELECT COALESCE(MAX(n), 0) + 1 FROM history WHERE incident = i.id), i.version,
       :now_us, :who, :what, :text
  FROM incident AS i WHERE i.id = :incident;
