-- lake_batch: reads only; what the batch holds, each thing once, in order.
SELECT kind, id, max(seq) FROM lake_todo WHERE seq <= :last GROUP BY kind, id ORDER BY max(seq);
