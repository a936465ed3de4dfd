-- delivery_tried: 1 row = what came of an attempt is kept; 0 rows = it was settled before.
UPDATE delivery SET attempts = attempts + 1, state = :state, next_us = :next_us
 WHERE id = :id AND state = 'waiting';
