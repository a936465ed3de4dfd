-- delivery_add: 1 row = kept; `suppressed` when the same target was told of the same rule and camera within the cool-down.
INSERT INTO delivery (id, incident, channel, target, subject, rule_id, device, camera, state,
                      created_us, next_us, attempts)
SELECT :id, :incident, :channel, :target, :subject, :rule_id, :device, :camera,
       CASE WHEN cool THEN 'suppressed' ELSE 'waiting' END, :now_us,
       CASE WHEN cool THEN NULL ELSE :now_us END, 0
  FROM (SELECT EXISTS (SELECT 1 FROM delivery
                        WHERE device = :device AND camera = :camera AND rule_id = :rule_id
                          AND channel = :channel AND target = :target
                          AND state <> 'suppressed' AND created_us > :now_us - :cool_us) AS cool);
