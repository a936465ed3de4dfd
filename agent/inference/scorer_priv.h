/* scorer_priv.h - somebody else's model behind HTTP, in the AVA shape (docs/scorer.md).
 *
 *   picture ── fit, JPEG ──> POST ──> 200 inferences ── remote_read ──> detections
 *                                     204            ─────────────────> none
 *                                     503            ──> left alone for Retry-After
 *                                     all else       ──> left alone for 1, 2, 4 .. 30 s
 *
 * While it is left alone a run costs nothing and says VD_RETRY with the reason. One thread. */
#ifndef VD_SCORER_PRIV_H
#define VD_SCORER_PRIV_H
#include "inference.h"

#define SCORER_ANSWER_BYTES (1u << 20)
#define SCORER_ITEMS_MAX    4096 /* in one answer */
#define SCORER_DEPTH_MAX    16u
#define SCORER_PAUSE_MAX_MS 30000

/* How an answer is understood: which names count, and where in the picture its 0..1 lie. */
typedef struct {
    const char *const *classes;
    unsigned class_count;
    /* x of the picture = (x of the answer - dx) * sx, both in 0..1 */
    float dx, dy, sx, sy;
} remote_terms;

/* VD_INVALID names the first thing that is not as it should be; nothing is half taken. Classes that
 * the terms do not name, and kinds that are no detection, are passed over. Best first, at most
 * VD_DETECTIONS_MAX, cut to the picture. */
VD_MUST_USE vd_err remote_read(vd_slice answer, const remote_terms *terms, vd_detections *ret_found,
                               vd_why *why);

typedef struct remote remote;
/* Everything in the config is copied. */
VD_MUST_USE vd_err remote_new(const vd_scorer_config *config, remote **ret_scorer, vd_why *why);
remote *remote_free(remote *s); /* returns NULL; NULL is fine */
VD_MUST_USE vd_err remote_run(remote *s, const vd_frame *frame, vd_detections *ret_found,
                              vd_why *why);
#endif
