-- trim_messages: rows = messages beyond the count or the age
DELETE FROM message
 WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 2000)
   AND (id <= (SELECT max(id) FROM message) - :keep OR received_us < :before);
