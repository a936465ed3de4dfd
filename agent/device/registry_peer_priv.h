/* registry_peer_priv.h - a scripted registry for tests: OCI Distribution reads over TLS, from
 * memory, with cuts and lies on demand, and a count of what was asked. */
#ifndef VD_REGISTRY_PEER_PRIV_H
#define VD_REGISTRY_PEER_PRIV_H
#include "artifact.h"
#include "hub_peer_priv.h"

#define SHELF_MAX 64

typedef struct {
    char path[256];
    vd_buf bytes;
    unsigned gets;
    uint64_t served; /* bytes */
    /* the script */
    uint64_t cut_at; /* >0: the next answer ends here without a word */
    bool hide;       /* 404 */
} shelf_item;

typedef struct {
    hub_peer hub; /* certificates and keys; its MQTT side is not used */
    struct MHD_Daemon *daemon;
    uint16_t port;
    pthread_mutex_t lock;
    shelf_item item[SHELF_MAX];
    unsigned count;
    char key_file[128];
    vd_release_key *key;
} registry_peer;

void registry_start(registry_peer *r);
void registry_stop(registry_peer *r);
/* Puts a signed model "models/NAME" there; the reference layer only when it is not NULL. Returns
 * the manifest's digest. */
vd_digest registry_model(registry_peer *r, const char *name, const char *weights,
                         const char *descriptor, const char *labels);
/* The same without a signature. */
vd_digest registry_unsigned(registry_peer *r, const char *name, const char *weights);
/* Signs a manifest that is there with another key. */
void registry_sign(registry_peer *r, const char *name, const vd_digest *manifest,
                   const vd_release_key *key);
/* Asserts that it is there. */
shelf_item *registry_layer(registry_peer *r, const char *name, const char *content);
#endif
