-- dataset_count: reads only; how many pictures may go into a dataset.
SELECT COUNT(*) FROM pool WHERE state IN ('labelled', 'reviewed');
