-- insights_uptime: reads only; what each camera's windows tell.
SELECT c.device, c.camera, c.first_us, c.last_start_us, c.last_end_us,
       coalesce((SELECT sum(w.live_us) FROM watch_window AS w WHERE w.device = c.device
                    AND w.camera = c.camera AND w.start_us >= :from_us AND w.start_us < :to_us), 0)
  FROM watch_camera AS c ORDER BY c.device, c.camera LIMIT 4096;
