-- evidence_here: reads only; a row = the file is here and matches its digest.
SELECT 1 FROM blob WHERE digest = :digest AND deleted_us IS NULL;
