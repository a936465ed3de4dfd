-- lake_media: reads only; a file and one event that names it.
SELECT b.bytes, b.arrived_us, b.deleted_us, b.deleted_why, n.content_type, n.device, n.event, n.kind
  FROM blob AS b LEFT JOIN evidence AS n ON n.digest = b.digest WHERE b.digest = :id LIMIT 1;
