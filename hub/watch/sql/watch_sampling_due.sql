-- watch_sampling_due: reads only; cameras whose sampling budget is not yet as it should be.
SELECT device, camera, sampling, sampling_before FROM watch_camera
 WHERE sampling <> sampling_done LIMIT 1 OFFSET :skip;
