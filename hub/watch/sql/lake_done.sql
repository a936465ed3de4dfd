-- lake_done: rows = changes that are in files now.
DELETE FROM lake_todo WHERE seq <= :last;
