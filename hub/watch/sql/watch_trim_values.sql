-- watch_trim_values: rows = values too old to be shown; a reference stays.
DELETE FROM watch_value WHERE end_us < :before_us AND reference = 0;
