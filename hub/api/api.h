/* api.h - HTTPS: the REST API of contract/openapi.yaml, live changes, the page's files.
 *
 * One thread per connection (bounded), so that handlers may block; reading goes through the pool of
 * readers, every change through the committer. Live changes are told only after their commit. */
#ifndef VD_API_H
#define VD_API_H
#include "dataset.h"
#include "intake.h"
#include "registry.h"
#include "rollout.h"
#include "runs.h"
#include "watch.h"

/* ---- live: what changed, to everyone who listens ---- */
#define VD_LIVE_RING                                                                               \
    512 /* a listener further behind than this is cut off and asks the lists again */
#define VD_LIVE_STREAMS 64

typedef enum {
    VD_LIVE_INCIDENT,
    VD_LIVE_CAMERA,
    VD_LIVE_DEVICE,
    VD_LIVE_DELIVERY,
    VD_LIVE_POOL,
    VD_LIVE_RUN,
    VD_LIVE_MODEL,
    VD_LIVE_ROLLOUT,
    VD_LIVE_WATCH
} vd_live_type;
typedef struct vd_live vd_live;
/* `after_commit` (may be NULL) is called on the live thread after commits that were announced. */
VD_MUST_USE vd_err vd_live_new(vd_committer *committer, void (*after_commit)(void *arg), void *arg,
                               vd_live **ret_live, vd_why *why);
/* Something that is committed. Any thread, quick. Version 0: not written. */
void vd_live_tell(vd_live *live, vd_live_type type, const char *id, uint64_t version);
/* From inside a commit job: told once the job's transaction is on disk. Quick. */
void vd_live_tell_later(vd_live *live, vd_live_type type, const char *id, uint64_t version);
/* Ends all streams; new ones are refused. */
void vd_live_close(vd_live *live);
vd_live *vd_live_free(vd_live *live); /* no stream may be left */

/* ---- the server ---- */
typedef struct {
    const char *address; /* to listen on, numeric */
    uint16_t port;       /* 0: any free one */
    const char *certificate_path, *key_path;
    const char *web_dir, *mailbox_dir; /* NULL: none */
    const char *work_dir;              /* what arrives, until it is whole; the blobs' file system */
    const char *site, *time_zone;
    vd_intake *intake;
    vd_committer *committer;
    vd_store_pool *readers;
    vd_blobs *blobs;
    vd_live *live;
    vd_notify *notify;
    const vd_watch_config *watch;
    const vd_gate_settings *gate;
    const vd_lake_config *lake;
    const char *metrics_token; /* opens GET /metrics and nothing else; "": none */
    vd_registry *registry;
    vd_rollouts *rollouts;
} vd_api_parts; /* all borrowed, outliving the server */

typedef struct vd_api vd_api;
/* VD_CONFLICT when the port is taken. */
VD_MUST_USE vd_err vd_api_start(const vd_api_parts *parts, vd_api **ret_api, vd_why *why);
uint16_t vd_api_port(const vd_api *api);
/* Ends open requests, joins. Close the live and stop the intake first. Returns NULL. */
vd_api *vd_api_stop(vd_api *api);
#endif
