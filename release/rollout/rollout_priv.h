/* rollout_priv.h - the pieces of a rollout.
 *
 *   condition.c   which devices
 *   health.c        is it well: the rules with their numbers          (pure)
 *   move.c        what a rollout does next, from what is known      (pure)
 *   look.c        devices seen, moves made, twins written           (rollout thread)
 *   keep.c        rows of the store
 *   rollout.c     what people do
 *   show.c        as JSON */
#ifndef VD_ROLLOUT_PRIV_H
#define VD_ROLLOUT_PRIV_H
#include <pthread.h>
#include <stdio.h>

#include "rollout.h"

#define WHY_ROOM    400
#define FORMER_ROOM 1024
#define NAME_ROOM   (VD_LIMIT_NAME_BYTES + 1)
#define ITSELF      "rollout" /* who, in the history */

typedef enum {
    ROLLOUT_CANARY,
    ROLLOUT_STAGES,
    ROLLOUT_DONE,
    ROLLOUT_HALTED,
    ROLLOUT_RETURNED,
    ROLLOUT_SUPERSEDED,
    ROLLOUT_STATES
} rollout_state;
typedef enum {
    PART_WAITING,
    PART_TOLD,
    PART_FETCHING,
    PART_VERIFYING,
    PART_INSTALLING,
    PART_WARMING,
    PART_TESTING,
    PART_ACTIVE,
    PART_FAILED,
    PART_RETURNING,
    PART_RETURNED,
    PART_LEFT,
    PART_STATES
} part_state;
typedef enum { WANT_NOTHING, WANT_NEW, WANT_FORMER, WANTS } part_want;
extern const char *const rollout_words[ROLLOUT_STATES], *const part_words[PART_STATES],
                                                            *const want_words[WANTS];

/* A device's part in a rollout. */
typedef struct {
    char device[NAME_ROOM];
    part_state state;
    part_want want;
    bool written; /* what is wanted is in the twin */
    char release[VD_ULID_LEN + 1];
    bool former_known;
    char former[FORMER_ROOM];           /* JSON; "": none */
    int64_t since_us, active_us, up_us; /* 0: not */
    char why[WHY_ROOM];
    int64_t pictures, errors;

    /* as seen now */
    bool there, matches, connected;
    bool overtaken; /* a newer rollout told it to take its model */
    bool settled;   /* and that one is done */
    bool reserved;  /* a newer rollout under way is going to */
    bool dirty;
    char seen_model[FORMER_ROOM]; /* the twin's desired model, JSON; "": none */
    /* the twin's reported model */
    char said_release[VD_ULID_LEN + 1], said_state[16], said_why[WHY_ROOM];
    int64_t said_pictures, said_errors;
} part;

typedef struct {
    char id[VD_ULID_LEN + 1];
    int64_t version;
    rollout_state state;
    char why[WHY_ROOM];
    char model[VD_SHA256_HEX + 1], manifest[VD_SHA256_HEX + 1];
    char name[VD_ARTIFACT_NAME_MAX + 1], repository[VD_OCI_NAME_MAX + 1];
    char key[VD_RELEASE_PUBLIC_ROOM];
    char condition[VD_ROLLOUT_CONDITION_MAX + 1];
    char canary[NAME_ROOM];
    double false_alarm_limit;
    int64_t soak_s;
    unsigned stage_count;
    int64_t stages[VD_ROLLOUT_STAGES_MAX];
    int64_t stage, stage_us;
    char release[VD_ULID_LEN + 1];
    char note[1001], started_by[NAME_ROOM + 32];
    int64_t started_us, updated_us, ended_us;

    part *parts;
    size_t part_count, part_room, sorted; /* the first `sorted` by name */
    bool dirty;
} rollout;
void rollout_done(rollout *r);
VD_AUTO_DEFINE(rollout, rollout_done)

/* ---- health.c ---- */
typedef struct {
    int64_t verdicts, false_alarms, former_verdicts, former_false_alarms;
    int64_t events, events_before; /* of the canary: since the switch, in as long before */
} rollout_facts;
/* VD_OK, or VD_CONFLICT with what is wrong. */
VD_MUST_USE vd_err health_device(const part *p, vd_why *why);
VD_MUST_USE vd_err health_false_alarms(const rollout_facts *facts, double limit, vd_why *why);
VD_MUST_USE vd_err health_silence(const rollout_facts *facts, vd_why *why);
/* The lower end of the one-sided 90 % Wilson interval of a share. */
double health_wilson_low(int64_t hits, int64_t tries);

/* ---- move.c: one step of thought; changes r and its parts, marks them dirty, notes history ----
 */
typedef void (*move_note)(void *ctx, const char *what, const char *device, const char *text);
void move_rollout(rollout *r, const rollout_facts *facts, int64_t now_us, move_note note,
                  void *ctx);
/* Everything told gets its former release back. */
void move_back(rollout *r, int64_t now_us, move_note note, void *ctx);
void part_set(part *p, part_state state, int64_t now_us);
/* How many devices may have it in this stage. */
size_t move_allowed(const rollout *r);

/* ---- keep.c ---- */
VD_MUST_USE vd_err keep_load(vd_store *store, const char *id, rollout *ret_rollout, vd_why *why);
typedef vd_err (*keep_each)(void *ctx, const rollout *r, vd_why *why);
VD_MUST_USE vd_err keep_parts(vd_store *store, rollout *r, vd_why *why);
void keep_read_row(vd_stmt *row, rollout *r);
/* Ids of the rollouts that may have something to do, oldest first. */
#define LIVE_MAX 64
VD_MUST_USE vd_err keep_live(vd_store *store, char ids[LIVE_MAX][VD_ULID_LEN + 1],
                             unsigned *ret_count, vd_why *why);
VD_MUST_USE vd_err keep_facts(vd_store *store, const rollout *r, int64_t now_us,
                              rollout_facts *ret_facts, vd_why *why);
/* Whether a newer rollout is found; *ret_done: and it is done. */
VD_MUST_USE bool keep_newer(vd_store *store, const char *statement, const char *id,
                            const char *device, bool *ret_done);
VD_MUST_USE vd_err keep_history(vd_store *store, const char *id, const char *who, const char *what,
                                const char *device, const char *text, int64_t now_us, vd_why *why);
/* Writes the rollout (guarded by its version: VD_CONFLICT) and its dirty parts. */
VD_MUST_USE vd_err keep_save(vd_store *store, const rollout *r, vd_why *why);
part *rollout_part(rollout *r, const char *device);
part *rollout_part_add(rollout *r, const char *device); /* NULL: memory ends */

struct vd_rollouts {
    vd_rollouts_parts parts;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic */
    bool stopping, heard, kicked;
    pthread_mutex_t looking; /* one look at a time */
};
void *look_run(void *rollouts);
/* Fills which parts newer rollouts have, or are going to. */
void rollout_see_newer(vd_store *store, rollout *r);
void rollouts_tell(vd_rollouts *all, const char *id, int64_t version);
#endif
