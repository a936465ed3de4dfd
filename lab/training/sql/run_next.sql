-- run_next: reads only; the oldest that waits or was lost, of the wanted kinds.
SELECT id, state = 'leased', lost FROM run
 WHERE state IN ('queued', 'leased') AND (state = 'queued' OR lease_until_us < :now_us)
   AND ((kind = 'train' AND :train) OR (kind = 'evaluate' AND :evaluate) OR (kind = 'quantize' AND :quantize))
 ORDER BY id LIMIT 1;
