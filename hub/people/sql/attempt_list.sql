-- attempt_list: reads only.
SELECT at_us, ok, answer FROM delivery_attempt WHERE delivery = :delivery ORDER BY n LIMIT 100;
