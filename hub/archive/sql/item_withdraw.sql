-- item_withdraw: rows = labels of the incident taken back.
UPDATE item SET withdrawn_us = :now_us WHERE incident = :incident AND withdrawn_us IS NULL;
