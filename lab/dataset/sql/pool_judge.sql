-- pool_judge: 1 row = a person's verdict on an incident is taken over; 0 rows = the picture has a
-- label, or nothing new is known.
UPDATE pool SET version = version + 1, state = :state, reason = :reason, proposals = :proposals,
       wrong = :wrong, incident = :incident, uncertainty = :uncertainty, bonus = :bonus
 WHERE picture = :picture AND verdict IS NULL AND bonus < :bonus;
