/* link_priv.h - a worker's requests to the hub. Blocking; one thread. */
#ifndef VD_LINK_PRIV_H
#define VD_LINK_PRIV_H
#include "trainer.h"
#include "vd/json.h"

typedef struct hub_link hub_link;
/* The token file is read again for each request, so a new token needs no restart. */
VD_MUST_USE vd_err link_open(const trainer_worker *worker, hub_link **ret_link, vd_why *why);
hub_link *link_close(hub_link *l); /* returns NULL; NULL is fine */

/* JSON in (none: empty), JSON out (NULL when the answer is empty; owner: caller). VD_RETRY: the hub
 * gave no answer; other classes are what it said. */
VD_MUST_USE vd_err link_call(hub_link *l, const char *method, const char *path, vd_slice body,
                             vd_json **ret_root, vd_why *why);
/* The answer's bytes as a file, whole or absent; with `digest` (may be NULL) VD_CORRUPT when they
 * are others. */
VD_MUST_USE vd_err link_fetch(hub_link *l, const char *path, const char *file,
                              const vd_digest *digest, vd_why *why);
VD_MUST_USE vd_err link_send(hub_link *l, const char *path, const char *lease, const char *file,
                             vd_why *why);
#endif
