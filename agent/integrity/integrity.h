/* integrity.h - is the camera itself well? Black, frozen, blurred, too dark, too bright, covered,
 * turned away, slow, starved of bits, wrong clock: each is a health fact with a start and an end.
 *
 * Pure computation over pictures (about four a second are looked at) and packets, on the times that
 * they bear: no clock, no I/O. What is true for `after_ms` is raised, with its start at the first
 * sign; what is untrue for a third of that is over. Grey pictures of 160 x 90 cells are the
 * reference of the view, one by day and one by night (without colour: infrared); they learn slowly,
 * and not at all while the view is in doubt. Who keeps the reference (_view_print) and gives it
 * back after a restart (_view_read) has a camera that was turned meanwhile told.
 *
 * The thresholds are our own, set between what footage shows (tests beside this file measure it)
 * and what the camera simulator's faults show:
 * - black: 99 % of cells below 24 of 255 and hardly a difference among them
 * - dark: 95 % of cells below 30; a night with one lamp in it is brighter
 * - bright: 70 % of cells at 250 or more; a white sky is less than half
 * - covered: no structure at all; or 60 % of the parts that had structure lost it, and at most 40 %
 *   look the same by what is left, as a yard at night still does
 * - blurred: less than 0.3 of the reference's sharpness (by contrast) while the light is spread as
 *   before; noise of night or rain makes a picture sharper, never less sharp
 * - moved: of the parts with structure at most a quarter still look like the reference, by edges
 * and not by light (people, lorries and shadows leave more), and the ways its edges run do not say
 * that it is the same view in another light; at the first sight of a night by the latter alone
 * - frozen: for twice after_ms nothing changes and most pictures are one of those before to the
 * bit; even a still scene has a sensor's noise
 * - slow: less than 0.25 of the usual pictures a second; a night's long exposure halves it
 * - starved: key pictures of less than 0.15 of their usual bytes, though the view is well
 * - clock: the camera's own clock is more than 10 s from ours (vd_picture's camera_skew_ms)
 *
 * Threads: _picture and _packet from the camera's readers, _tick and _finish from one other, _state
 * from any. */
#ifndef VD_INTEGRITY_H
#define VD_INTEGRITY_H
#include "rules.h"

typedef enum {
    VD_INTEGRITY_BLACK,
    VD_INTEGRITY_DARK,
    VD_INTEGRITY_BRIGHT,
    VD_INTEGRITY_COVERED,
    VD_INTEGRITY_BLURRED,
    VD_INTEGRITY_MOVED,
    VD_INTEGRITY_FROZEN,
    VD_INTEGRITY_SLOW,
    VD_INTEGRITY_STARVED,
    VD_INTEGRITY_CLOCK,
    VD_INTEGRITY_KINDS
} vd_integrity_kind;
const char *vd_integrity_name(vd_integrity_kind kind); /* "black", "dark", ... */

typedef struct {
    int64_t after_ms;   /* true so long before it is raised, at least 100 */
    int64_t relearn_ms; /* a view that is other for so long is the view from then on */
    unsigned ignore;    /* bit of each kind that is not told */
} vd_integrity_config;

typedef struct {
    void *ctx;
    /* From _tick and _finish: BEGIN with a picture where there is one, END without. The rule is of
     * kind VD_RULE_HEALTH; the class is the kind's name in `words`. All borrowed for the call. */
    void (*fact)(void *ctx, const vd_fact *fact, vd_frame *frame, const vd_vocabulary *words);
} vd_integrity_sink;

typedef struct vd_integrity vd_integrity; /* of one camera */
VD_MUST_USE vd_err vd_integrity_new(const vd_integrity_config *config,
                                    const vd_integrity_sink *sink, vd_integrity **ret_integrity);
vd_integrity *vd_integrity_free(vd_integrity *integrity); /* before its camera; NULL is fine */
/* True: every picture is wanted for the next seconds, to tell frozen from still. */
bool vd_integrity_picture(vd_integrity *integrity, vd_frame *frame);
void vd_integrity_packet(vd_integrity *integrity, const vd_packet *packet);
/* About once a second: tells what has begun and ended. */
void vd_integrity_tick(vd_integrity *integrity);
/* Ends what is open: the camera goes. */
void vd_integrity_finish(vd_integrity *integrity);
/* The reference, to be kept, when there is something new to keep: a face was learnt, an hour has
 * passed, or `whatever` (at the end). VD_ABSENT: nothing. `source` says what camera it is of. */
#define VD_INTEGRITY_VIEW_BYTES 65536
VD_MUST_USE vd_err vd_integrity_view_print(vd_integrity *integrity, bool whatever,
                                           const char *source, vd_buf *into);
/* Before the first picture. VD_ABSENT: of another source; VD_CORRUPT: no such bytes; it is learnt
 * anew then. */
VD_MUST_USE vd_err vd_integrity_view_read(vd_integrity *integrity, vd_slice bytes,
                                          const char *source, vd_why *why);
/* Whether it is raised now, and how often it was. */
bool vd_integrity_state(vd_integrity *integrity, vd_integrity_kind kind, uint64_t *ret_times);
#endif
