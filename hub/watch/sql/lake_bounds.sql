-- lake_bounds: reads one row; the first waiting number and the last of a batch.
SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM (SELECT seq FROM lake_todo ORDER BY seq LIMIT :most);
