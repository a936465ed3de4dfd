/* rollout.h - a registered model on its way to the devices, carefully.
 *
 *   canary ─ well for soak_s ─▶ stages (10 %, 50 %, 100 %) ─ each well for soak_s ─▶ done
 *      │                           │                                                 │ a device
 * that comes later └──── a health gate or a person ────▶ halted ─ resume ─▶ canary               ▼
 * and matches gets it, too └───── return ─▶ returned          (still watched)
 *
 * One device goes first. What must hold before the next step: it fetched, verified and tested the
 * model and uses it, has stayed connected and looked at pictures for soak_s, without errors,
 * without falling silent, and without people calling more of its alarms false than before (see
 * health.c for each rule and its numbers). A gate that does not hold halts the rollout and writes
 * each device's former release back into its twin; a person's halt only stops. Devices that are
 * away wait: the wish stands in their twin. The newest rollout of a device wins.
 *
 * One thread looks at all rollouts, soon after vd_rollouts_hear and every few seconds. State is in
 * the store before a twin is written, and the twin is written again after a restart when it is not
 * known that it was: telling a device the same release twice changes nothing. Any thread may call;
 * vd_rollout_* wait for the commit. */
#ifndef VD_ROLLOUT_H
#define VD_ROLLOUT_H
#include "intake.h"
#include "registry.h"

extern const vd_sql rollout_sql[];

#define VD_ROLLOUT_STAGES_MAX    10
#define VD_ROLLOUT_CONDITION_MAX 1024u

/* ---- conditions: a subset of the IoT Hub query's WHERE ----
 *
 *   or    := and { OR and }              and  := not { AND not }         not := [NOT] test
 *   test  := ( or ) | * | path is value | path [NOT] IN [ value, ... ] | is_defined(path)
 *   path  := deviceId | tags.a.b | properties.reported.a.b | properties.desired.a.b
 *   is    := = | != | <> | < | <= | > | >=         value := 'text' | number | true | false | null
 *
 * Words are case-insensitive, paths are not. A path that is not there equals nothing, and differs
 * from nothing but null. */
typedef struct vd_condition vd_condition;
/* VD_INVALID tells the place. */
VD_MUST_USE vd_err vd_condition_parse(vd_slice text, vd_condition **ret_condition, vd_why *why);
vd_condition *vd_condition_free(vd_condition *condition);
/* `twin` as vd_intake_twin_get prints it, parsed. */
bool vd_condition_holds(const vd_condition *condition, const char *device, const vd_json *twin);

/* ---- the devices, as rollouts see them ---- */
typedef struct {
    void *ctx;
    vd_err (*list)(void *ctx, const char *after, vd_intake_device *into, size_t room,
                   size_t *ret_count, vd_why *why);
    vd_err (*twin)(void *ctx, const char *device, vd_buf *into, vd_why *why);
    vd_err (*wish)(void *ctx, const char *device, vd_slice patch,
                   vd_why *why); /* VD_ABSENT: gone */
} vd_rollout_devices;
vd_rollout_devices vd_rollout_devices_of(vd_intake *intake);

typedef struct {
    vd_committer *committer;
    vd_store_pool *readers;
    vd_rollout_devices devices;
    int64_t soak_s; /* of rollouts that say none; 0: an hour */
    /* After a commit that changed a rollout. May be NULL. */
    void (*changed)(void *arg, const char *rollout, uint64_t version);
    void *arg;
} vd_rollouts_parts; /* all borrowed */

typedef struct vd_rollouts vd_rollouts;
VD_MUST_USE vd_err vd_rollouts_new(const vd_rollouts_parts *parts, vd_rollouts **ret_rollouts,
                                   vd_why *why);
VD_MUST_USE vd_err vd_rollouts_start(vd_rollouts *rollouts, vd_why *why);
/* A device connected, left or reported. Quick, from anywhere. */
void vd_rollouts_hear(vd_rollouts *rollouts);
/* One look at everything; what the thread does. For tests, without the thread. */
VD_MUST_USE vd_err vd_rollouts_look(vd_rollouts *rollouts, vd_why *why);
void vd_rollouts_stop(vd_rollouts *rollouts); /* waits for the thread */
vd_rollouts *vd_rollouts_free(vd_rollouts *rollouts);

/* ---- what people do ---- */
typedef struct {
    vd_digest model, manifest;
    const char *name, *repository, *key;
    const char *condition;
    const char *canary;       /* NULL: the first that is connected */
    double false_alarm_limit; /* 0..1 */
    int64_t soak_s;           /* 0: as configured */
    unsigned stage_count;     /* 0: 10, 50, 100 */
    int64_t stages[VD_ROLLOUT_STAGES_MAX];
    const char *note; /* NULL: none */
    const char *who;
} vd_rollout_new;
/* VD_INVALID: condition or stages; VD_ABSENT: the named canary is no device that the condition
 * meets; VD_CONFLICT: the same model is under way to the same condition. */
VD_MUST_USE vd_err vd_rollout_start(vd_rollouts *rollouts, const vd_rollout_new *rollout,
                                    vd_ulid *ret_rollout, vd_why *why);
typedef enum { VD_ROLLOUT_HALT, VD_ROLLOUT_RESUME, VD_ROLLOUT_RETURN } vd_rollout_step;
/* VD_ABSENT: no such rollout; VD_CONFLICT: not in a state where this can be done. */
VD_MUST_USE vd_err vd_rollout_do(vd_rollouts *rollouts, const char *rollout, vd_rollout_step step,
                                 const char *who, const char *note, vd_why *why);

/* One object: RolloutDetail. */
VD_MUST_USE vd_err vd_rollout_write(vd_rollouts *rollouts, vd_store *store, const char *rollout,
                                    vd_json_w *w, vd_why *why);
typedef struct {
    const char *states, *cursor; /* NULL: any; states comma-separated */
    unsigned limit;
} vd_rollout_filter;
/* The members `rollouts` and `next`. */
VD_MUST_USE vd_err vd_rollout_write_list(vd_store *store, const vd_rollout_filter *filter,
                                         vd_json_w *w, vd_why *why);
#endif
