-- outbox_choice_add: 1 row = the event's evidence goes.
INSERT INTO choice (event, at_us) VALUES (:event, :now);
