-- incident_match: reads only; the newest incident that this event belongs to.
-- An event without an end is taken to go on until :stale_us after it was last heard of.
SELECT id FROM incident
 WHERE device = :device AND camera = :camera AND rule_id = :rule_id
   AND state <> 'resolved' AND event_count < :room
   AND started_us - :gap_us <= :last_us
   AND (CASE WHEN ended_us IS NULL THEN last_us + :stale_us ELSE ended_us END) + :gap_us >= :start_us
 ORDER BY started_us DESC, id DESC LIMIT 1;
