-- history_since: reads only; what people would want to know before they act on an older version.
SELECT version, at_us, who, what, text FROM history
 WHERE incident = :incident AND version > :version AND (:all OR what <> 'notified')
 ORDER BY n LIMIT 500;
