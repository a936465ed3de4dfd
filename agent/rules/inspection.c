/* Products and their verdicts. A verdict is told at once (BEGIN and END in one picture); the share
 * that fails is watched by two charts, each with a life of its own:
 *
 *      a sample beyond the limit        further ones            a sample within it
 *   ---------------------> OPEN (BEGIN) -----------> BETTER ---------------------> END
 *
 * Where some model of the verdict did not look at the picture of the trigger, the product waits for
 * the next one in which all did. */
#include <inttypes.h>
#include <math.h>

#include "inspection_priv.h"

typedef struct {
    uint64_t visit; /* 0: not open */
    int64_t since_us, last_us;
} alarm;

typedef struct {
    bool started, due; /* due: an external trigger waits */
    uint64_t count[VD_VERDICTS];
    chart chart;
    alarm jump, drift; /* of the p chart, of the EWMA */
    follower slot[VD_TRACKS_MAX];
    uint32_t waits[VD_TRACKS_MAX];    /* the birth of the track that has crossed and waits */
    sequence done[VD_TRACKS_MAX + 1]; /* the last: of the place, where no product is followed */
} inspection;

static const char *const verdict_words[VD_VERDICTS] = { "pass", "fail", "unsure" };

static uint64_t produced(const inspection *s)
{
    return s->count[VD_VERDICT_PASS] + s->count[VD_VERDICT_FAIL] + s->count[VD_VERDICT_UNSURE];
}

vd_yield inspection_yield(const held *h)
{
    const inspection *s = h->state;
    vd_yield yield = { .produced = produced(s),
                       .passed = s->count[VD_VERDICT_PASS],
                       .failed = s->count[VD_VERDICT_FAIL],
                       .unsure = s->count[VD_VERDICT_UNSURE],
                       .rate = s->started ? (float)s->chart.rate : -1 };
    vd_slice_to_chars(vd_slice_str(h->rule.id), yield.rule, sizeof yield.rule);
    return yield;
}

/* ---- what is told ---- */

static vd_track track_of(const vd_scene *scene, int detection)
{
    const vd_detection *d = &scene->seen->item[detection];
    return (vd_track){ .class_id = d->class_id,
                       .box = d->box,
                       .score = d->score,
                       .seen = true,
                       .detection = detection,
                       .first_utc_us = scene->utc_us,
                       .last_utc_us = scene->utc_us };
}

/* Where the defect is: its box in shares of the product's. */
static void say_place(vd_scene *scene, vd_fact *fact, const vd_box *of, const vd_box *box)
{
    double w = fmax((double)of->w, 1e-6), h = fmax((double)of->h, 1e-6);
    fact_say(scene, fact, "place", "%.2f %.2f %.2f %.2f", (double)(box->l - of->l) / w,
             (double)(box->t - of->t) / h, (double)box->w / w, (double)box->h / h);
}

static void fill(vd_scene *scene, const held *h, vd_fact *fact, const vd_track *product,
                 const finding *f)
{
    static const vd_box picture = { 0, 0, 1, 1 };
    const inspection *s = h->state;
    bool whole = f->detection >= 0 && scene->seen->item[f->detection].box.w > 0.999f;
    fact->best_score = f->score;
    if (product)
        fact->track = *product;
    else if (f->detection >= 0)
        fact->track = track_of(scene, f->detection);
    else if (h->defects.count)
        fact->track.class_id = h->defects.id[0];
    if (product && f->detection >= 0 && !whole) fact->other = track_of(scene, f->detection);
    fact_say(scene, fact, "verdict", "%s", verdict_words[f->verdict]);
    if (f->defect[0]) fact_say(scene, fact, "defect", "%s", f->defect);
    if (f->parts[0]) fact_say(scene, fact, "parts", "%s", f->parts);
    fact_say(scene, fact, "score", "%.2f", (double)f->score);
    if (f->detection >= 0 && !whole)
        say_place(scene, fact, product ? &product->box : &picture,
                  &scene->seen->item[f->detection].box);
    fact_say(scene, fact, "product", "%" PRIu64, produced(s));
    fact_say(scene, fact, "failed", "%" PRIu64, s->count[VD_VERDICT_FAIL]);
}

static void tell(vd_scene *scene, held *h, const vd_track *product, const finding *f)
{
    if (!h->rule.inspection.tell[f->verdict]) return;
    vd_fact *fact = fact_begin(scene, h, scene->utc_us);
    if (!fact) return;
    uint64_t visit = fact->visit;
    fill(scene, h, fact, product, f);
    fill(scene, h, fact_end(scene, h, visit, scene->utc_us, scene->utc_us), product, f);
}

/* ---- the charts ---- */

static void fill_alarm(vd_scene *scene, const held *h, vd_fact *fact, bool is_jump)
{
    const inspection *s = h->state;
    fact->best_score = 1;
    if (h->defects.count) fact->track.class_id = h->defects.id[0];
    fact_say(scene, fact, "finding", "defect_rate");
    fact_say(scene, fact, "chart", "%s", is_jump ? "p" : "ewma");
    fact_say(scene, fact, "rate", "%.4f", is_jump ? s->chart.rate : s->chart.ewma);
    fact_say(scene, fact, "limit", "%.4f", is_jump ? s->chart.p_limit : s->chart.z_limit);
    fact_say(scene, fact, "baseline", "%.4f", s->chart.p0);
    fact_say(scene, fact, "n", "%u", h->rule.inspection.chart.sample);
}

static void close_alarm(vd_scene *scene, held *h, alarm *a, bool is_jump)
{
    if (a->visit)
        fill_alarm(scene, h, fact_end(scene, h, a->visit, a->since_us, a->last_us), is_jump);
    *a = (alarm){ 0 };
}

static void heed_chart(vd_scene *scene, held *h, alarm *a, bool out, bool is_jump)
{
    if (!out) {
        close_alarm(scene, h, a, is_jump);
        return;
    }
    a->last_us = scene->utc_us;
    if (!a->visit) a->since_us = scene->utc_us;
    vd_fact *fact =
        a->visit ? fact_better(scene, h, a->visit, a->since_us) : fact_begin(scene, h, a->since_us);
    if (!fact) return;
    a->visit = fact->visit;
    fill_alarm(scene, h, fact, is_jump);
}

/* Who is in doubt counts for neither side. */
static void heed_rate(vd_scene *scene, held *h, vd_verdict verdict)
{
    inspection *s = h->state;
    if (verdict == VD_VERDICT_UNSURE) return;
    if (!chart_add(&s->chart, &h->rule.inspection.chart, verdict == VD_VERDICT_FAIL)) return;
    heed_chart(scene, h, &s->jump, chart_p_out(&s->chart), true);
    heed_chart(scene, h, &s->drift, chart_ewma_out(&s->chart), false);
}

/* ---- products ---- */

static void inspect(vd_scene *scene, held *h, const vd_track *product, const finding *f)
{
    inspection *s = h->state;
    s->count[f->verdict]++;
    if (f->verdict == VD_VERDICT_UNSURE) scene->unsure = true;
    tell(scene, h, product, f);
    heed_rate(scene, h, f->verdict);
}

static void follow_line(vd_scene *scene, held *h, inspection *s, unsigned slot, bool blind)
{
    const vd_tracked *t = vd_tracker_slot(scene->tracker, slot);
    sequence *done = &s->done[slot];
    if (line_crossed(&s->slot[slot], &h->rule, t)) s->waits[slot] = t->birth;
    if (blind) return;
    if (done->birth != t->birth) *done = (sequence){ .birth = t->birth };
    if (h->rule.inspection.ordered) judge_follow(scene->seen, h, t->as.detection, done);
    if (s->waits[slot] != t->birth) return;
    s->waits[slot] = 0;
    finding f = judge(scene->seen, h, t->as.detection, done);
    inspect(scene, h, &t->as, &f);
}

static void step_line(vd_scene *scene, held *h, bool blind)
{
    unsigned count;
    const uint16_t *active = vd_tracker_active(scene->tracker, &count);
    for (unsigned i = 0; i < count; i++) {
        const vd_track *t = &vd_tracker_slot(scene->tracker, active[i])->as;
        if (t->seen && t->detection >= 0 && class_wanted(&h->classes, t->class_id))
            follow_line(scene, h, h->state, active[i], blind);
    }
}

static bool is_product(const held *h, const vd_detection *d)
{
    vd_point middle = { d->box.l + d->box.w / 2, d->box.t + d->box.h / 2 };
    return class_wanted(&h->classes, d->class_id) && d->score >= h->rule.score_min &&
           held_has(h, middle);
}

/* All products of a picture; returns how many. */
static unsigned inspect_all(vd_scene *scene, held *h)
{
    unsigned products = 0;
    for (unsigned i = 0; i < scene->seen->count; i++) {
        if (!is_product(h, &scene->seen->item[i])) continue;
        vd_track product = track_of(scene, (int)i);
        finding f = judge(scene->seen, h, (int)i, NULL);
        inspect(scene, h, &product, &f);
        products++;
    }
    return products;
}

static void inspect_place(vd_scene *scene, held *h)
{
    inspection *s = h->state;
    sequence *done = &s->done[VD_TRACKS_MAX];
    finding f = judge(scene->seen, h, -1, done);
    inspect(scene, h, NULL, &f);
    *done = (sequence){ 0 };
}

/* Who triggers a picture without a product wants to know. */
static void inspect_nothing(vd_scene *scene, held *h)
{
    finding f = { .verdict = VD_VERDICT_UNSURE, .defect = "no_product", .detection = -1 };
    inspect(scene, h, NULL, &f);
}

static void step_pictures(vd_scene *scene, held *h, bool blind)
{
    inspection *s = h->state;
    bool outside = h->rule.inspection.trigger == VD_TRIGGER_EXTERNAL;
    s->due = s->due || !outside || scene->triggered;
    if (blind) return;
    if (h->rule.inspection.ordered) judge_follow(scene->seen, h, -1, &s->done[VD_TRACKS_MAX]);
    if (!s->due) return;
    s->due = false;
    if (!h->rule.class_count)
        inspect_place(scene, h);
    else if (!inspect_all(scene, h) && outside)
        inspect_nothing(scene, h);
}

static void step(vd_scene *scene, held *h)
{
    inspection *s = h->state;
    if (!s->started) chart_start(&s->chart, &h->rule.inspection.chart);
    s->started = true;
    bool blind = judge_is_blind(scene->seen, h);
    if (h->rule.inspection.trigger == VD_TRIGGER_LINE)
        step_line(scene, h, blind);
    else
        step_pictures(scene, h, blind);
}

/* Counts and charts go on: a break in the pictures makes no product better. */
static void end(vd_scene *scene, held *h)
{
    inspection *s = h->state;
    close_alarm(scene, h, &s->jump, true);
    close_alarm(scene, h, &s->drift, false);
    memset(s->slot, 0, sizeof s->slot);
    memset(s->waits, 0, sizeof s->waits);
    memset(s->done, 0, sizeof s->done);
    s->due = false;
}

const kind_ops inspection_ops = { sizeof(inspection), step, end };
