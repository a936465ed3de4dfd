-- dataset_uses: reads only.
SELECT split, COUNT(*), MAX(at_us) FROM dataset_use WHERE dataset = :dataset GROUP BY split;
