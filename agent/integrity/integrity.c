/* integrity.c - each kind's way:  well ─(true for after)─▶ raised ─▶ told ─(untrue for a while)─▶
 * over ─▶ told. Conditions change on the camera's readers, facts are told by the tick. */
#include "integrity.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "integrity_priv.h"
#include "vd/blob.h"

#define LOOK_EVERY_US 240000
#define GAP_US        10000000   /* no picture for so long: what was nearly true begins anew */
#define LEAST_BLOCKS  4          /* with structure; fewer cannot tell a moved view */
#define KEEP_US       3600000000 /* a reference that follows the light is kept so often */
#define PAIR_US       700000     /* pictures further apart do not tell frozen from still */
#define PAIRS         16
#define PAIRS_MASK    0xffffu
#define PAIRS_EQUAL   10
#define STILL_MEAN    0.5 /* light; an encoder's own noise is less */
#define STILL_MOST    6.0
#define PICTURE_TICKS 3 /* a BEGIN waits so long for its picture */
#define USUAL_LEAST   4 /* windows, key pictures before there is a usual */

typedef struct {
    int64_t since_us; /* true without a break since then; 0: it is not */
    int64_t last_us;  /* last true */
    int64_t begin_us; /* of what is raised */
    bool raised, told;
    bool again; /* it was over and raised anew between two ticks */
    unsigned waited;
    int64_t end_us; /* of what is over and not told */
    uint64_t visit, times;
    vd_frame *frame;
    bool wants_frame;
} finding;

struct vd_integrity {
    pthread_mutex_t lock;
    vd_integrity_config config;
    vd_integrity_sink sink;
    vd_rule rule;
    vd_vocabulary *words;
    finding of[VD_INTEGRITY_KINDS];
    uint64_t visits;
    view now;
    face faces[FACES];
    face_kind kind;           /* of what is seen now */
    unsigned known;           /* bit of each face that was known when it was kept last */
    int64_t kept_us;          /* when that was, by the pictures; 0: not yet */
    float anchor[VIEW_CELLS]; /* light */
    int64_t looked_us, anchor_us;
    uint64_t bits[PAIRS]; /* of the last pictures, circular */
    unsigned next_bits;
    unsigned pairs;
    uint32_t equal; /* a bit for each of the last pairs: seen before, to the bit */
    bool view_ill;  /* black to moved, as of the last picture */
    /* of the packets */
    uint32_t serial;
    int64_t window_us;
    unsigned window_packets, windows, keys;
    double usual_fps, usual_key;
};

static const char *const names[VD_INTEGRITY_KINDS] = { "black",   "dark",  "bright", "covered",
                                                       "blurred", "moved", "frozen", "slow",
                                                       "starved", "clock" };

const char *vd_integrity_name(vd_integrity_kind kind)
{
    return (unsigned)kind < VD_INTEGRITY_KINDS ? names[kind] : "";
}

static vd_err name_things(vd_integrity *me)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    const vd_vocabulary_part part = { .id = "integrity",
                                      .name = "camera integrity",
                                      .digest = vd_sha256(vd_slice_str("camera integrity 1")),
                                      .classes = names,
                                      .class_count = VD_INTEGRITY_KINDS };
    me->rule = (vd_rule){ .kind = VD_RULE_HEALTH,
                          .id = "camera-integrity",
                          .zone = "camera",
                          .severity = VD_SEVERITY_MEDIUM,
                          .dwell_ms = me->config.after_ms,
                          .leave_ms = me->config.after_ms / 3 };
    vd_err err = vd_rule_print(&me->rule, &text);
    if (err) return err;
    vd_digest digest = vd_sha256(vd_buf_slice(&text));
    memcpy(me->rule.version, digest.hex, sizeof me->rule.version - 1);
    return vd_vocabulary_new(&part, 1, &me->words);
}

vd_err vd_integrity_new(const vd_integrity_config *config, const vd_integrity_sink *sink,
                        vd_integrity **ret_integrity)
{
    vd_integrity *me = calloc(1, sizeof *me);
    if (!me) return VD_FULL;
    pthread_mutex_init(&me->lock, NULL);
    me->config = *config;
    me->sink = *sink;
    vd_err err = name_things(me);
    if (err)
        vd_integrity_free(me);
    else
        *ret_integrity = me;
    return err;
}

vd_integrity *vd_integrity_free(vd_integrity *me)
{
    if (!me) return NULL;
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) vd_frame_unref(me->of[i].frame);
    vd_vocabulary_free(me->words);
    pthread_mutex_destroy(&me->lock);
    free(me);
    return NULL;
}

/* ---- a condition becomes a finding ---- */

static int64_t after_us(const vd_integrity *me)
{
    return me->config.after_ms * 1000;
}

static void raise_it(finding *f, int64_t begin_us)
{
    f->again = f->told; /* what is over has not been told yet */
    f->raised = f->wants_frame = true;
    f->begin_us = begin_us;
    f->waited = 0;
    f->times++;
}

static void find(vd_integrity *me, vd_integrity_kind kind, bool is_true, int64_t utc_us)
{
    finding *f = &me->of[kind];
    if (me->config.ignore & 1u << kind) return;
    if (utc_us < f->last_us) f->last_us = utc_us; /* the clock was set back */
    if (utc_us < f->since_us) f->since_us = utc_us;
    if (is_true) {
        if (!f->since_us) f->since_us = utc_us;
        f->last_us = utc_us;
        if (!f->raised && utc_us - f->since_us >= after_us(me)) raise_it(f, f->since_us);
    } else if (f->raised) {
        if (utc_us - f->last_us < after_us(me) / 3) return;
        f->raised = false;
        f->since_us = 0;
        f->end_us = f->last_us;
    } else {
        f->since_us = 0;
    }
}

/* ---- pictures ---- */

/* All of it: who turned the camera by day has turned it for the night. */
static void forget_view(vd_integrity *me)
{
    for (unsigned i = 0; i < FACES; i++) me->faces[i].learnt = 0;
}

typedef struct {
    bool is[VD_INTEGRITY_KINDS];
} conditions;

static void judge_light(const vd_integrity *me, conditions *c)
{
    view_light light = view_measure(&me->now);
    c->is[VD_INTEGRITY_BLACK] = light.most < 24 && light.spread < 3;
    c->is[VD_INTEGRITY_DARK] = !c->is[VD_INTEGRITY_BLACK] && light.usual_most < 30;
    c->is[VD_INTEGRITY_BRIGHT] = light.white >= 0.7;
    bool lit = !c->is[VD_INTEGRITY_BLACK] && !c->is[VD_INTEGRITY_DARK];
    c->is[VD_INTEGRITY_COVERED] = lit && !c->is[VD_INTEGRITY_BRIGHT] && light.spread < 5;
}

static bool any_view(const conditions *c)
{
    for (unsigned i = VD_INTEGRITY_BLACK; i <= VD_INTEGRITY_MOVED; i++)
        if (c->is[i]) return true;
    return false;
}

/* The first sight of a face: all that can be said is whether it is the other one's view. Light and
 * structure may be wholly other. */
static void judge_stranger(const vd_integrity *me, const face *other, conditions *c)
{
    if (view_same(other->view.tone, me->now.tone)) return;
    view_match m = view_compare(&other->view, &me->now);
    if (m.blocks < LEAST_BLOCKS) return;
    c->is[VD_INTEGRITY_COVERED] = m.lost >= 0.6 && m.matched <= 0.4;
    c->is[VD_INTEGRITY_MOVED] = !c->is[VD_INTEGRITY_COVERED];
}

static void judge_known(const vd_integrity *me, const view *reference, conditions *c)
{
    view_match m = view_compare(reference, &me->now);
    bool soft = me->now.sharpness < 0.3 * reference->sharpness;
    if (soft && m.tone >= 0.7) {
        c->is[VD_INTEGRITY_BLURRED] = true;
    } else if (m.blocks >= LEAST_BLOCKS) {
        c->is[VD_INTEGRITY_COVERED] = m.lost >= 0.6 && m.matched <= 0.4;
        c->is[VD_INTEGRITY_MOVED] = !c->is[VD_INTEGRITY_COVERED] && m.matched <= 0.25 &&
                                    !view_same(reference->tone, me->now.tone);
    }
}

static void judge_view(vd_integrity *me, conditions *c)
{
    me->kind = face_of(&me->now, me->kind);
    const face *mine = &me->faces[me->kind], *other = &me->faces[FACES - 1 - me->kind];
    if (any_view(c)) return;
    if (face_known(mine))
        judge_known(me, &mine->view, c);
    else if (face_known(other))
        judge_stranger(me, other, c);
}

/* Whether it is one of the last pictures to the bit: an encoder that gets one picture over and over
 * gives the same few again and again, key pictures among them. */
static bool seen_before(vd_integrity *me)
{
    bool seen = false;
    for (unsigned i = 0; i < PAIRS; i++) seen |= me->bits[i] == me->now.bits;
    me->bits[me->next_bits++ % PAIRS] = me->now.bits;
    return seen;
}

/* Nothing has changed since the anchor; whether to the bit is counted where pictures come fast. */
static bool judge_frozen(vd_integrity *me, int64_t utc_us, int64_t passed_us)
{
    double mean, most;
    bool seen = seen_before(me);
    view_change(me->anchor, &me->now, &mean, &most);
    if (!me->anchor_us || utc_us < me->anchor_us || mean > STILL_MEAN || most > STILL_MOST) {
        memcpy(me->anchor, me->now.tone, sizeof me->anchor);
        me->anchor_us = utc_us;
        me->pairs = 0;
        me->equal = 0;
    } else if (passed_us <= PAIR_US) {
        me->pairs++;
        me->equal = (me->equal << 1 | seen) & PAIRS_MASK;
    }
    return utc_us - me->anchor_us >= after_us(me) && me->pairs >= PAIRS &&
           __builtin_popcount(me->equal) >= PAIRS_EQUAL;
}

/* In doubt the reference stays as it is, but not for ever. */
static void keep_reference(vd_integrity *me, const conditions *c, int64_t utc_us, int64_t passed_us)
{
    int64_t longest_us = 0;
    for (unsigned i = VD_INTEGRITY_COVERED; i <= VD_INTEGRITY_MOVED; i++) {
        const finding *f = &me->of[i];
        if (f->since_us && utc_us - f->since_us > longest_us) longest_us = utc_us - f->since_us;
    }
    if (longest_us > me->config.relearn_ms * 1000) forget_view(me);
    if (!any_view(c)) face_learn(&me->faces[me->kind], &me->now, passed_us);
}

/* ---- the reference, as it is kept ---- */

static unsigned known_faces(const vd_integrity *me)
{
    unsigned known = 0;
    for (unsigned i = 0; i < FACES; i++) known |= (unsigned)face_known(&me->faces[i]) << i;
    return known;
}

vd_err vd_integrity_view_print(vd_integrity *me, bool whatever, const char *source, vd_buf *into)
{
    pthread_mutex_lock(&me->lock);
    unsigned known = known_faces(me);
    int64_t passed_us = me->looked_us - me->kept_us;
    bool due = known && (known != me->known || passed_us < 0 || whatever || passed_us > KEEP_US);
    vd_err err = due ? faces_print(me->faces, source, into) : VD_ABSENT;
    if (!err) {
        me->known = known;
        me->kept_us = me->looked_us;
    }
    pthread_mutex_unlock(&me->lock);
    return err;
}

vd_err vd_integrity_view_read(vd_integrity *me, vd_slice bytes, const char *source, vd_why *why)
{
    pthread_mutex_lock(&me->lock);
    vd_err err = faces_read(bytes, source, me->faces, why);
    me->known = known_faces(me);
    pthread_mutex_unlock(&me->lock);
    return err;
}

/* ---- each picture ---- */

/* A view that cannot be seen says nothing of the rest. */
static void look(vd_integrity *me, vd_frame *frame, int64_t utc_us)
{
    conditions c = { 0 };
    int64_t passed_us = me->looked_us ? utc_us - me->looked_us : 0;
    if (passed_us < 0 || passed_us > GAP_US) passed_us = GAP_US;
    view_take(frame, &me->now);
    judge_light(me, &c);
    judge_view(me, &c);
    me->view_ill = any_view(&c);
    bool still = judge_frozen(me, utc_us, passed_us);
    c.is[VD_INTEGRITY_FROZEN] = still && !me->view_ill;
    int32_t skew_ms = vd_frame_picture(frame)->camera_skew_ms;
    c.is[VD_INTEGRITY_CLOCK] = abs(skew_ms / 1000) >= 10;
    for (unsigned i = 0; i <= VD_INTEGRITY_FROZEN; i++) find(me, i, c.is[i], utc_us);
    find(me, VD_INTEGRITY_CLOCK, c.is[VD_INTEGRITY_CLOCK], utc_us);
    keep_reference(me, &c, utc_us, passed_us);
    me->looked_us = utc_us;
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) {
        finding *f = &me->of[i];
        if (!f->wants_frame) continue;
        f->wants_frame = false;
        vd_frame_unref(f->frame);
        f->frame = vd_frame_ref(frame);
    }
}

/* Still for half of the time, and not yet known whether to the bit. */
static bool in_doubt(const vd_integrity *me, int64_t utc_us)
{
    return !(me->config.ignore & 1u << VD_INTEGRITY_FROZEN) && me->pairs < 2 * PAIRS &&
           !me->view_ill && utc_us - me->anchor_us >= after_us(me) / 2;
}

bool vd_integrity_picture(vd_integrity *me, vd_frame *frame)
{
    int64_t utc_us = vd_frame_picture(frame)->utc_us;
    pthread_mutex_lock(&me->lock);
    if (!me->looked_us || utc_us < me->looked_us || utc_us - me->looked_us >= LOOK_EVERY_US)
        look(me, frame, utc_us);
    bool doubt = in_doubt(me, utc_us);
    pthread_mutex_unlock(&me->lock);
    return doubt;
}

/* ---- packets ---- */

static double follow(double usual, double value, unsigned known)
{
    return known ? usual + (value - usual) / (known < 32 ? known + 1 : 32) : value;
}

static void close_window(vd_integrity *me, int64_t utc_us)
{
    int64_t length_us = utc_us - me->window_us;
    double fps = me->window_packets * 1e6 / (double)length_us;
    bool known = me->windows >= USUAL_LEAST, slow = known && fps < 0.25 * me->usual_fps;
    find(me, VD_INTEGRITY_SLOW, slow, utc_us);
    if (!slow) {
        me->usual_fps = follow(me->usual_fps, fps, me->windows);
        me->windows++;
    }
    me->window_us = utc_us;
    me->window_packets = 0;
}

static void judge_key(vd_integrity *me, const vd_packet *packet)
{
    double bytes = (double)packet->data.len;
    bool known = me->keys >= USUAL_LEAST, small = known && bytes < 0.15 * me->usual_key;
    find(me, VD_INTEGRITY_STARVED, small && !me->view_ill, packet->utc_us);
    if (small) return;
    me->usual_key = follow(me->usual_key, bytes, me->keys);
    me->keys++;
}

void vd_integrity_packet(vd_integrity *me, const vd_packet *packet)
{
    pthread_mutex_lock(&me->lock);
    int64_t length_us = packet->utc_us - me->window_us, least_us = after_us(me) / 4;
    if (packet->stream->serial != me->serial || length_us < 0 || length_us > 2 * after_us(me)) {
        me->serial = packet->stream->serial;
        me->window_us = packet->utc_us;
        me->window_packets = 0;
    } else if (length_us >= least_us) {
        close_window(me, packet->utc_us);
    }
    me->window_packets++;
    if (packet->key) judge_key(me, packet);
    pthread_mutex_unlock(&me->lock);
}

/* ---- telling ---- */

typedef struct {
    vd_fact fact;
    vd_frame *frame;
} news;

static vd_fact fact_of(const vd_integrity *me, unsigned kind, vd_fact_phase phase)
{
    const finding *f = &me->of[kind];
    vd_fact fact = { .phase = phase,
                     .rule = &me->rule,
                     .visit = f->visit,
                     .entered_utc_us = f->begin_us,
                     .utc_us = phase == VD_FACT_END ? f->end_us : f->last_us,
                     .best_score = 1 };
    fact.track.class_id = (uint16_t)kind;
    fact.track.detection = fact.other.detection = -1;
    return fact;
}

/* What is to be told of a kind next; the lock is held. A BEGIN waits a little for its picture. */
static bool next_news(vd_integrity *me, unsigned kind, news *ret_news)
{
    finding *f = &me->of[kind];
    if (f->told && (!f->raised || f->again)) {
        *ret_news = (news){ .fact = fact_of(me, kind, VD_FACT_END) };
        f->told = f->again = false;
        return true;
    }
    if (f->told || !f->raised) return false;
    if (!f->frame && f->waited++ < PICTURE_TICKS) return false;
    f->visit = UINT64_C(1) << 62 | ++me->visits; /* apart from those of the scene */
    *ret_news = (news){ .fact = fact_of(me, kind, VD_FACT_BEGIN), .frame = f->frame };
    f->frame = NULL;
    f->wants_frame = false;
    f->told = true;
    return true;
}

static void tell(vd_integrity *me, unsigned kind)
{
    static const vd_fact_property none = { "finding", "" };
    news n;
    vd_fact_property property = none;
    for (;;) {
        pthread_mutex_lock(&me->lock);
        bool some = next_news(me, kind, &n);
        pthread_mutex_unlock(&me->lock);
        if (!some) return;
        vd_slice_to_chars(vd_slice_str(names[kind]), property.value, sizeof property.value);
        n.fact.properties = &property;
        n.fact.property_count = 1;
        me->sink.fact(me->sink.ctx, &n.fact, n.frame, me->words);
        vd_frame_unref(n.frame);
    }
}

void vd_integrity_tick(vd_integrity *me)
{
    if (!me) return;
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) tell(me, i);
}

void vd_integrity_finish(vd_integrity *me)
{
    if (!me) return;
    pthread_mutex_lock(&me->lock);
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) {
        finding *f = &me->of[i];
        if (f->raised) f->end_us = f->last_us;
        f->raised = false;
        f->frame = vd_frame_unref(f->frame);
    }
    pthread_mutex_unlock(&me->lock);
    vd_integrity_tick(me);
}

bool vd_integrity_state(vd_integrity *me, vd_integrity_kind kind, uint64_t *ret_times)
{
    pthread_mutex_lock(&me->lock);
    bool raised = me->of[kind].raised;
    if (ret_times) *ret_times = me->of[kind].times;
    pthread_mutex_unlock(&me->lock);
    return raised;
}
