/* models_house_priv.h - an agent without cameras, for tests of model updates: which weights are in
 * use is all it knows. */
#ifndef VD_MODELS_HOUSE_PRIV_H
#define VD_MODELS_HOUSE_PRIV_H
#include "models_priv.h"
#include "registry_peer_priv.h"

#define WEIGHTS_MOST 4096
#define TOLD_MAX     2048

typedef struct {
    char dir[64];
    char connection[256], ca_file[96];
    unsigned port;
    const char *const *self_test;
    const char *release_key;
    int self_test_s;
    vd_device *device;
    vd_models *models;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    char prepared[WEIGHTS_MOST], used[WEIGHTS_MOST];
    char told[TOLD_MAX]; /* "fetching verifying ..." */
    char why[512];
    bool refuse; /* the rules cannot live with it */
    unsigned swaps;
} house;

/* Reads the weights that a descriptor belongs to; refuses when the house is told to. */
vd_err house_prepare(void *ctx, const char *path, vd_why *why);
void house_open(house *h);
void house_run(house *h);
void house_init(house *h);
void house_new(house *h, const registry_peer *r);
void house_close(house *h);
void house_done(house *h);
void house_wish_text(const registry_peer *r, const char *release, const char *name,
                     const vd_digest *manifest, vd_buf *into);
void house_wish(house *h, const registry_peer *r, const char *release, const char *name,
                const vd_digest *manifest);
/* Waits until it holds, at most 20 s; fails the test with what was told otherwise. */
void house_await(house *h, bool (*holds)(house *h, const char *what), const char *what);
bool house_told_ends(house *h, const char *word);
bool house_uses(house *h, const char *weights);
const char *house_report(house *h, char into[2048]);
/* Enough good pictures: the trial ends. */
void house_prove(house *h);
VD_AUTO_DEFINE(house, house_done)
VD_AUTO_DEFINE(registry_peer, registry_stop)

#define REL_1 "01J00000000000000000000001"
#define REL_2 "01J00000000000000000000002"
#define REL_3 "01J00000000000000000000003"

#endif
