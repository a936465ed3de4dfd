-- evidence_device: reads which device names the file.
SELECT device FROM evidence WHERE digest = :digest LIMIT 1;
