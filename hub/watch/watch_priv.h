/* watch_priv.h - what the files of the drift watch share.
 *
 *   take.c      a window's sketches become one number per series
 *   judge.c     those against the reference: the camera's state, alarm, calm
 *   tell.c      what changed, in words and as an event
 *   show.c      for the page
 *   sampling.c  the sampling budget of cameras that drifted
 *   drift.c     the test itself */
#ifndef VD_WATCH_PRIV_H
#define VD_WATCH_PRIV_H
#include "drift_priv.h"
#include "watch.h"

#include "vd/sketch.h"

#define WATCH_CHANGES_BYTES 4096
#define WATCH_HOURS_A_YEAR  8760.0

typedef struct {
    const char *name;
    double floor;            /* deviations between windows below this never matter */
    bool by_ratio;           /* tested as a logarithm */
    bool upwards;            /* only larger values matter */
    bool of_model;           /* another model has another reference */
    const char *less, *more; /* "lens of %s less sharp" */
} watch_kind;
enum { WATCH_CLASSES = VD_WATCH_SERIES_MAX - 1 };
extern const watch_kind watch_kinds[VD_WATCH_SERIES_MAX];

typedef struct {
    bool here;
    uint64_t count;
    double mean, sd, value;
    const vd_json *detail; /* of the class mix */
    char model[VD_SHA256_HEX + 1];
    bool judged, differs, reference;
    drift_verdict verdict;
    double reference_mean; /* as people read it */
} watch_value;

typedef struct {
    char device[VD_LIMIT_NAME_BYTES + 1], camera[33];
    int64_t start_us, end_us, live_us;
    uint64_t pictures;
    char model_name[VD_LIMIT_NAME_BYTES + 1], model[VD_SHA256_HEX + 1];
    bool has_picture;
    vd_event_evidence picture;
    watch_value value[VD_WATCH_SERIES_MAX];
} watch_window;

typedef enum { WATCH_LEARNING, WATCH_STEADY, WATCH_DRIFTED } watch_state;
typedef struct {
    watch_state state;
    int64_t since_us, first_us, last_start_us, last_end_us, reference_us;
    int64_t pictures, calm, revision;
    char reference_by[VD_LIMIT_NAME_BYTES + 33];
    char changes[WATCH_CHANGES_BYTES], text[256], severity[16];
    char event[VD_ULID_LEN + 1], incident[VD_ULID_LEN + 1];
    bool sampling;
} watch_camera;

/* judge.c */
VD_MUST_USE vd_err watch_camera_get(vd_store *store, const char *device, const char *camera,
                                    watch_camera *ret_camera, vd_why *why); /* VD_ABSENT */
VD_MUST_USE vd_err watch_camera_put(vd_store *store, const char *device, const char *camera,
                                    const watch_camera *c, vd_why *why);
/* The window is new and the newest; fills in its verdicts. */
VD_MUST_USE vd_err watch_judge(vd_store *store, const vd_watch_config *config, watch_window *w,
                               vd_why *why);
VD_MUST_USE vd_err watch_values_put(vd_store *store, const watch_window *w, vd_why *why);
/* All evidence is forgotten. */
VD_MUST_USE vd_err watch_forget(vd_store *store, const char *device, const char *camera,
                                vd_why *why);
/* The evidence that makes an alarm. */
double watch_limit(const vd_watch_config *config);

/* tell.c */
typedef struct {
    unsigned series;
    int64_t since_us;
} watch_change;
/* Fills in changes, text and severity from the window's verdicts; strongest first. */
void watch_describe(watch_camera *c, const watch_window *w, watch_change *changes, unsigned count);
/* The next revision of the drift's event, the last one when `ended`. */
VD_MUST_USE vd_err watch_tell(vd_store *store, const vd_watch_config *config, watch_camera *c,
                              const watch_window *w, bool ended, vd_why *why);

/* insights.c */
void watch_wilson(int64_t hits, int64_t of, double *ret_low, double *ret_high);

/* take.c */
const char *watch_state_word(watch_state state);
#endif
