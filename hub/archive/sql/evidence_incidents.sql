-- evidence_incidents: reads only; the incidents whose events name the file.
SELECT DISTINCT i.id, i.version FROM evidence AS n JOIN event AS e ON e.id = n.event
  JOIN incident AS i ON i.id = e.incident WHERE n.digest = :digest LIMIT 16;
