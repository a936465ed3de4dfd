-- pool_withdraw: rows = pictures that only this incident brought, and nobody labelled.
DELETE FROM pool WHERE incident = :incident AND source = 'incident' AND verdict IS NULL;
