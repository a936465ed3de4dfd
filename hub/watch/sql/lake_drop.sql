-- lake_drop: rows = changes nobody wants: there is no lake.
DELETE FROM lake_todo;
