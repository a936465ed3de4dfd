-- model_champion_of: reads only; the champion of a name.
SELECT digest FROM model WHERE name = :name AND state = 'champion';
