-- outbox_choice_count: reads how many events were chosen since :hour and since :day.
SELECT coalesce(sum(at_us > :hour), 0), count(*) FROM choice WHERE at_us > :day;
