-- model_find: reads only; by digest or name: the champion, else the newest; NULL: of all.
SELECT digest, name, version, manifest, state, descriptor, labels FROM model
 WHERE :which IS NULL OR digest = :which OR name = :which
 ORDER BY digest = :which DESC, state = 'champion' DESC, state = 'candidate' DESC,
          approved_us DESC, id DESC LIMIT 1;
