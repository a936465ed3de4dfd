-- pool_label_get: reads only.
SELECT boxes, class FROM pool WHERE picture = :picture;
