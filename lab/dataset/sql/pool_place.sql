-- pool_place: reads only.
SELECT device, camera, captured_us FROM pool WHERE picture = :picture;
