-- rollout_events: reads only; the device's events since it took the model, and in as long a time before.
SELECT COALESCE(SUM(start_us >= :active_us), 0), COALESCE(SUM(start_us < :active_us), 0)
  FROM event WHERE device = :device AND start_us >= :active_us - (:now_us - :active_us) AND start_us <= :now_us;
