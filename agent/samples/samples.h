/* samples.h - which pictures are worth a person's label: at random, where the model is unsure, and
 * where it sees a class it rarely sees. Off until the hub asks for it, and within its budget.
 *
 * The budget of a camera and hour is parted by reason. Random pictures come one in each equal part
 * of the hour, at a moment drawn for it; the others as they happen, never faster than the part of
 * the hour that has passed allows (and one to begin with). Two samples of a camera are apart by at
 * least a quarter of the even distance. What was spent is kept on disk, so that a restart gives no
 * new budget.
 *
 * Threads: _seen from the analysis (a decision and a copied reference); an own worker makes the
 * JPEG and calls the sink; _add and _leave from one; _policy from any. */
#ifndef VD_SAMPLES_H
#define VD_SAMPLES_H
#include "inference.h"

#define VD_SAMPLES_PER_HOUR_MAX 3600
#define VD_SAMPLES_CLASSES      512  /* of a model; others are never rare */
#define VD_SAMPLES_UNSURE       0.1f /* a score this near to the threshold is a question */
#define VD_SAMPLES_WAITING      4    /* for the worker; a further one is not taken */
#define VD_SAMPLES_POLICY_MAX   16384

/* ---- the decision, pure ---- */
typedef enum {
    VD_SAMPLE_NONE,
    VD_SAMPLE_RANDOM,
    VD_SAMPLE_UNCERTAIN,
    VD_SAMPLE_RARE,
    VD_SAMPLE_REASONS
} vd_sample_reason;
const char *vd_sample_word(vd_sample_reason reason); /* "random", ... */
typedef struct {
    unsigned per_hour;              /* 0: none */
    double part[VD_SAMPLE_REASONS]; /* of per_hour, by reason; together at most 1 */
} vd_sample_budget;
typedef struct {
    int64_t hour; /* since 1970 */
    unsigned used[VD_SAMPLE_REASONS];
    int64_t last_us; /* UTC of the last sample */
} vd_sample_spent;
typedef struct {
    uint64_t total;
    uint32_t of_class[VD_SAMPLES_CLASSES]; /* findings at or above the threshold */
} vd_sample_seen;
/* Which reason this picture is taken for, and counts it as spent. `seen` is what the camera's model
 * found so far, this picture not counted; each
 * finding is held against its own model's threshold; `seed` names the camera. */
vd_sample_reason vd_sample_decide(const vd_sample_budget *budget, const vd_sample_seen *seen,
                                  const vd_detections *detections, const vd_vocabulary *words,
                                  uint64_t seed, int64_t utc_us, vd_sample_spent *spent);
/* The same for a picture that left a rule in doubt. */
vd_sample_reason vd_sample_decide_unsure(const vd_sample_budget *budget, int64_t utc_us,
                                         vd_sample_spent *spent);
/* {"default": {"per_hour", "random", "uncertain", "rare"}, "cameras": {camera: {...}}}; what a
 * camera does not say the default says; the parts are said together (none: 0.3, 0.5, 0.2). Checks
 * all of it; *ret_budget is the camera's. */
VD_MUST_USE vd_err vd_sample_policy_read(vd_slice json, const char *camera,
                                         vd_sample_budget *ret_budget, vd_why *why);

/* ---- sampling ---- */
typedef struct {
    void *ctx;
    /* A sample as JSON, and its JPEG, whose SHA-256 it names. On the worker; may block. */
    void (*told)(void *ctx, const char *camera, vd_slice json, vd_slice jpeg);
} vd_samples_sink;
typedef struct vd_samples vd_samples;
typedef struct vd_sample_camera vd_sample_camera;
/* `path`: where the policy and what was spent are kept. A file that cannot be read counts as none:
 * nothing is sampled until the hub says so again. */
VD_MUST_USE vd_err vd_samples_new(const char *path, const vd_samples_sink *sink,
                                  vd_samples **ret_samples, vd_why *why);
/* Cameras are added before anything of them is seen, at any time; one that was here before goes on
 * with what it has spent. VD_FULL beyond 64 at once. */
VD_MUST_USE vd_err vd_samples_add(vd_samples *samples, const char *camera,
                                  vd_sample_camera **ret_camera);
/* Nothing more is seen of the camera; waits until the worker needs no picture of it. NULL is fine.
 */
void vd_samples_leave(vd_sample_camera *camera);
/* The hub's word; "{}" or "null" ends sampling. Kept on disk. On failure the old one holds. */
VD_MUST_USE vd_err vd_samples_policy(vd_samples *samples, vd_slice json, vd_why *why);
/* NULL camera is fine: nothing. */
void vd_samples_seen(vd_sample_camera *camera, vd_frame *frame, const vd_detections *detections,
                     const vd_vocabulary *words);
/* A picture that left a rule in doubt, whatever its scores: one that is uncertain, if the budget
 * allows. */
void vd_samples_unsure(vd_sample_camera *camera, vd_frame *frame, const vd_detections *detections,
                       const vd_vocabulary *words);
/* Waits for what is being made. */
void vd_samples_stop(vd_samples *samples);
vd_samples *vd_samples_free(vd_samples *samples); /* returns NULL; NULL is fine */
#endif
