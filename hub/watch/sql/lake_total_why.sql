-- lake_total_why: 1 row = the reason is kept.
UPDATE lake_total SET why = :why;
