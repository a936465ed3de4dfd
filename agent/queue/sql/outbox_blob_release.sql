-- outbox_blob_release: 1 row = one message less needs it, and :named = 1 lets it go to the hub.
UPDATE blob SET needed = needed - 1, ready = max(ready, :named) WHERE digest = :digest;
