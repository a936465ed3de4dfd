-- pool_standing: reads only.
SELECT version, state, COALESCE(labelled_by, '') FROM pool WHERE picture = :picture;
