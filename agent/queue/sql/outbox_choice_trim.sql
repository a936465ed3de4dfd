-- outbox_choice_trim: the rows are no longer part of any budget.
DELETE FROM choice WHERE at_us <= :day;
