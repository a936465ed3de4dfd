-- history_moves: reads only; a row = the state was moved by somebody after the version held.
SELECT 1 FROM history
 WHERE incident = :incident AND version > :version
   AND (what IN ('acknowledged', 'resolved', 'reopened')
        OR (:events AND what IN ('event_joined', 'event_ended')))
 LIMIT 1;
