-- outbox_choice_known: reads one row when the event's evidence was chosen to go.
SELECT at_us FROM choice WHERE event = :event;
