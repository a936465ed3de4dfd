/* incident.h - events that belong together become one incident, and people say what it was.
 *
 * vd_incident_take runs on the committer's thread inside intake's commit job, so that an event and
 * what it does to an incident are on disk together or not at all. The changing calls are jobs too
 * (vd_committer_run); the writing-out calls read any store. Nothing here keeps state in memory.
 *
 * Versions: an incident's version rises with every change. A person names the version they saw;
 * VD_CONFLICT means that something they would want to know has happened since (another person
 * moved it; for a verdict also: an event joined or ended). vd_incident_write_changes tells what. */
#ifndef VD_INCIDENT_H
#define VD_INCIDENT_H
#include "event.h"
#include "vd/error.h"
#include "vd/json.h"
#include "vd/store.h"
#include "vd/ulid.h"

#define VD_INCIDENT_EVENTS_MAX 100          /* then a new incident opens: its page stays readable */
#define VD_INCIDENT_STALE_US   3600000000ll /* an event not heard of for so long has ended */

extern const vd_sql incident_sql[];

typedef struct {
    vd_ulid incident;
    uint64_t version;
    bool changed;  /* false: this revision, or a higher one, was known */
    bool opened;   /* this event opened the incident */
    bool resolved; /* the incident was resolved before; the event's revision came late */
} vd_incident_outcome;

/* Takes one revision of an event that `device` sent; `json` is the revision as it came. Exactly
 * once: a revision at or below the kept one changes nothing. VD_DENIED: the event id belongs to
 * another device; VD_INVALID: the device, camera or rule of a known event changed. */
VD_MUST_USE vd_err vd_incident_take(vd_store *store, const char *device, const vd_event *event,
                                    vd_slice json, int64_t gap_ms, vd_incident_outcome *ret_outcome,
                                    vd_why *why);

typedef struct {
    const char *incident;
    uint64_t version; /* the one the person saw */
    const char *who;
    const char *verdict; /* resolve only */
    const char *note;    /* resolve only; may be NULL */
} vd_incident_change;
/* VD_ABSENT, VD_CONFLICT (see above; also when the state does not allow the step), VD_INVALID. */
VD_MUST_USE vd_err vd_incident_acknowledge(vd_store *store, const vd_incident_change *change,
                                           uint64_t *ret_version, vd_why *why);
VD_MUST_USE vd_err vd_incident_resolve(vd_store *store, const vd_incident_change *change,
                                       uint64_t *ret_version, vd_why *why);
/* Takes the last step back. */
VD_MUST_USE vd_err vd_incident_reopen(vd_store *store, const vd_incident_change *change,
                                      uint64_t *ret_version, vd_why *why);
/* A row of history that changes nothing else ("notified"). */
VD_MUST_USE vd_err vd_incident_tell(vd_store *store, const char *incident, const char *who,
                                    const char *what, const char *text, vd_why *why);

/* Filters of a list; NULL and 0 filter nothing. */
typedef struct {
    bool open, acknowledged, resolved; /* none set: all */
    const char *camera, *device, *rule, *severity, *verdict, *text, *acknowledged_by;
    int64_t since_us, until_us;
    const char *cursor;
    unsigned limit;  /* 0: 50 */
    const char *who; /* filters nothing: whose incidents the count `mine` counts */
} vd_incident_filter;
/* Writes the members `incidents`, `next` and `counts` into the open object. VD_INVALID names a
 * wrong filter. */
VD_MUST_USE vd_err vd_incident_write_page(vd_store *store, const vd_incident_filter *filter,
                                          vd_json_w *w, vd_why *why);
/* Writes the members of an Incident (not the braces), and with `detail` `events` and `history`. */
VD_MUST_USE vd_err vd_incident_write(vd_store *store, const char *incident, bool detail,
                                     vd_json_w *w, vd_why *why);
/* Writes the list of history entries above `version`. */
VD_MUST_USE vd_err vd_incident_write_changes(vd_store *store, const char *incident,
                                             uint64_t version, vd_json_w *w, vd_why *why);
/* What a camera's row says of its events: 0 and "" for none. */
typedef struct {
    int64_t last_event_us;
    char last_incident[VD_ULID_LEN + 1];
    uint64_t open;
} vd_incident_camera;
VD_MUST_USE vd_err vd_incident_of_camera(vd_store *store, const char *device, const char *camera,
                                         vd_incident_camera *ret_summary, vd_why *why);

/* The words of contract/openapi.yaml; -1 when it is none of them. */
int vd_severity_rank(const char *word);
const char *vd_severity_word(int64_t rank);
bool vd_verdict_known(const char *word);
#endif
