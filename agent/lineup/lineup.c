#include "lineup.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define ASLEEP_US 1000000 /* so often is asked whether the hours have begun */

typedef struct {
    vd_lineup_step is;
    vd_model *model; /* NULL: left out */
    unsigned first;  /* its first class id */
    uint16_t on_id[VD_LINEUP_ON_MAX];
    unsigned on_ids;
    int64_t next_us, last_us;
    unsigned turn; /* which box goes first when there are too many */
} step;

struct vd_lineup {
    unsigned count;
    vd_vocabulary *words;
    vd_detections found; /* of one inference */
    int64_t utc_us;      /* of the last picture */
    vd_chain chain;      /* the camera's */
    step step[];
};

/* ---- life ---- */

vd_err vd_lineup_new(const vd_lineup_step *steps, unsigned count, vd_lineup **ret_lineup)
{
    assert(count >= 1 && count <= VD_VOCABULARY_MODELS_MAX);
    vd_lineup *l = calloc(1, sizeof *l + count * sizeof l->step[0]);
    if (!l) return VD_FULL;
    l->count = count;
    for (unsigned i = 0; i < count; i++) l->step[i].is = steps[i];
    *ret_lineup = l;
    return VD_OK;
}

vd_lineup *vd_lineup_free(vd_lineup *l)
{
    if (l) vd_vocabulary_free(l->words);
    free(l);
    return NULL;
}

/* Where the step's classes lie, and those of the steps before it that it crops. */
static void resolve(step *s, const vd_vocabulary *words, unsigned first)
{
    s->first = first;
    s->on_ids = 0;
    for (unsigned i = 0; i < s->is.on_count; i++) {
        int id = vd_vocabulary_find(words, s->is.on[i]);
        if (id >= 0 && (unsigned)id < first) s->on_id[s->on_ids++] = (uint16_t)id;
    }
}

vd_err vd_lineup_set(vd_lineup *l, vd_model *const *models, bool *ret_goes_on)
{
    vd_vocabulary_part part[VD_VOCABULARY_MODELS_MAX];
    vd_vocabulary *words = NULL;
    unsigned parts = 0, first = 0;
    for (unsigned i = 0; i < l->count; i++)
        if (models[i]) part[parts++] = vd_model_part(models[i], l->step[i].is.id);
    vd_err err = parts ? vd_vocabulary_new(part, parts, &words) : VD_OK;
    if (err) return err;
    for (unsigned i = 0; i < l->count; i++) {
        l->step[i].model = models[i];
        if (!models[i]) continue;
        resolve(&l->step[i], words, first);
        first += vd_model_class_count(models[i]);
    }
    *ret_goes_on = !l->words || (words && vd_vocabulary_extends(words, l->words));
    vd_vocabulary_free(l->words);
    l->words = words;
    return VD_OK;
}

void vd_lineup_set_chain(vd_lineup *l, const vd_chain *chain)
{
    l->chain = *chain;
}

const vd_vocabulary *vd_lineup_words(const vd_lineup *l)
{
    return l ? l->words : NULL;
}

/* ---- when ---- */

static bool in_hours(const step *s, int64_t utc_us)
{
    unsigned minute, weekday;

    return !vd_local_minute(utc_us, &minute, &weekday) || vd_day_span_has(&s->is.hours, minute);
}

static bool due(const step *s, int64_t utc_us)
{
    if (!s->model || !in_hours(s, utc_us)) return false;
    return !s->is.every_us || utc_us >= s->next_us || utc_us < s->last_us;
}

/* On a grid, so that pictures which come a little late do not lower the rate. */
static void note_look(step *s, int64_t utc_us)
{
    bool late = utc_us >= s->next_us + s->is.every_us || utc_us < s->last_us;
    s->next_us = (late ? utc_us : s->next_us) + s->is.every_us;
    s->last_us = utc_us;
}

int64_t vd_lineup_next_us(const vd_lineup *l)
{
    int64_t next_us = l->utc_us + VD_LINEUP_EVERY_MAX;
    for (unsigned i = 0; i < l->count; i++) {
        const step *s = &l->step[i];
        if (s->is.on_count) continue; /* it needs the others' boxes */
        bool awake = s->model && in_hours(s, l->utc_us);
        if (awake && !s->is.every_us) return 0;
        int64_t own_us = awake ? s->next_us : l->utc_us + ASLEEP_US;
        if (own_us < next_us) next_us = own_us;
    }
    return next_us;
}

/* ---- looking ---- */

/* The step's findings become the camera's. False: they are too many. */
static bool append(const vd_lineup *l, const step *s, int parent, vd_detections *into)
{
    bool fits = l->found.count <= VD_DETECTIONS_MAX - into->count;
    for (unsigned i = 0; i < l->found.count && into->count < VD_DETECTIONS_MAX; i++) {
        vd_detection d = l->found.item[i];
        d.class_id = (uint16_t)(d.class_id + s->first);
        d.parent = (int16_t)parent;
        if (parent >= 0 && vd_model_classifies(s->model)) d.box = into->item[parent].box;
        vd_detections_take_side(into, &l->found, &d);
        into->item[into->count++] = d;
    }
    into->preprocess_us += l->found.preprocess_us;
    into->run_us += l->found.run_us;
    return fits;
}

static bool is_on(const step *s, unsigned class_id)
{
    for (unsigned i = 0; i < s->on_ids; i++)
        if (s->on_id[i] == class_id) return true;
    return false;
}

static bool wants(const vd_lineup *l, const step *s, const vd_picture *p, const vd_detection *d)
{
    float shorter = fminf(d->box.w * (float)p->width_px, d->box.h * (float)p->height_px);
    if (shorter < (float)s->is.min_px || shorter <= 0) return false;
    if (d->score < vd_vocabulary_model_of(l->words, d->class_id)->score_min) return false;
    return is_on(s, d->class_id);
}

/* [from, to) of one axis, in whole pixels inside the picture. */
static void widen(float at, float size, float margin, int whole, int *ret_from, int *ret_size)
{
    float from = floorf((at - size * margin) * (float)whole);
    float to = ceilf((at + size * (1 + margin)) * (float)whole);
    from = fmaxf(0, fminf(from, (float)whole - 1));
    to = fmaxf(from + 1, fminf(to, (float)whole));
    *ret_from = (int)from;
    *ret_size = (int)to - (int)from;
}

static vd_part_px crop_of(const step *s, const vd_picture *p, const vd_box *box)
{
    vd_part_px part;
    widen(box->l, box->w, s->is.margin, p->width_px, &part.left, &part.width);
    widen(box->t, box->h, s->is.margin, p->height_px, &part.top, &part.height);
    return part;
}

/* Which boxes are looked at: all, or, when they are too many, some in turn. */
static unsigned choose(const vd_lineup *l, step *s, const vd_picture *p, const vd_detections *seen,
                       uint16_t chosen[VD_LINEUP_CROPS_MAX])
{
    uint16_t fit[VD_DETECTIONS_MAX];
    unsigned fits = 0, count = 0;
    for (unsigned i = 0; i < seen->count; i++)
        if (wants(l, s, p, &seen->item[i])) fit[fits++] = (uint16_t)i;
    if (fits <= s->is.crops) s->turn = 0;
    for (; count < fits && count < s->is.crops; count++)
        chosen[count] = fit[(s->turn + count) % fits];
    if (fits > s->is.crops) s->turn = (s->turn + count) % fits;
    return count;
}

/* A cascade that the step stands on has passed the box over: what the step would look at is not
 * known. */
static bool unknown_on(const step *s, const vd_detections *seen, unsigned index)
{
    for (unsigned i = 0; i < s->on_ids; i++)
        if (vd_detections_passed_over(seen, index, s->on_id[i])) return true;
    return false;
}

/* Marks each of the first `count` boxes that the step should have looked at and has not, and the
 * boxes in whose crops they were found, unless it has looked at something there. */
static void note_passed_over(const step *s, unsigned count, bool looked_at[VD_DETECTIONS_MAX],
                             vd_detections *into)
{
    uint16_t bit = (uint16_t)(1u << into->cascade_count);
    vd_class_range *range = &into->cascade[into->cascade_count++];
    *range = (vd_class_range){ s->first, vd_model_class_count(s->model) };
    for (unsigned i = count; i-- > 0;) { /* a parent comes before what was found in it */
        vd_detection *d = &into->item[i];
        if (looked_at[i])
            d->passed_over &= (uint16_t)~bit;
        else if (is_on(s, d->class_id) || unknown_on(s, into, i))
            d->passed_over |= bit;
        if (d->parent < 0) continue;
        vd_detection *parent = &into->item[d->parent];
        looked_at[d->parent] |= looked_at[i] && !is_on(s, parent->class_id);
        parent->passed_over |= d->passed_over & bit;
    }
}

static vd_err look_at_crops(vd_lineup *l, step *s, const vd_frame *frame, vd_detections *into,
                            bool *ret_looked, vd_why *why)
{
    const vd_picture *p = vd_frame_picture(frame);
    uint16_t chosen[VD_LINEUP_CROPS_MAX];
    bool looked_at[VD_DETECTIONS_MAX] = { 0 };
    unsigned boxes = into->count, count = choose(l, s, p, into, chosen);
    vd_err err = VD_OK;
    for (unsigned i = 0; i < count && !err; i++) {
        vd_part_px part = crop_of(s, p, &into->item[chosen[i]].box);
        err = vd_model_run_chain(s->model, &l->chain, frame, &part, &l->found, why);
        if (!err) looked_at[chosen[i]] = append(l, s, chosen[i], into);
    }
    note_passed_over(s, boxes, looked_at, into);
    *ret_looked = count > 0;
    return err;
}

static void look(vd_lineup *l, unsigned index, const vd_frame *frame, vd_detections *into,
                 vd_lineup_look *ret_look)
{
    step *s = &l->step[index];
    bool looked = true;
    vd_err err;
    vd_why *why = ret_look->failed ? NULL : &ret_look->why;
    if (s->is.on_count) {
        err = look_at_crops(l, s, frame, into, &looked, why);
    } else {
        err = vd_model_run_chain(s->model, &l->chain, frame, NULL, &l->found, why);
        if (!err) (void)append(l, s, -1, into);
    }
    if (looked) note_look(s, l->utc_us);
    ret_look->looked |= (unsigned)looked << index;
    if (!ret_look->failed) ret_look->err = err;
    ret_look->failed |= (unsigned)(err != VD_OK) << index;
}

/* A cascade that is due and has no box to look at has seen that there is nothing, unless nobody
 * looked for boxes. */
static bool saw_nothing(const step *s, const vd_detections *seen)
{
    for (unsigned i = 0; i < s->on_ids; i++)
        if (!vd_detections_blind(seen, s->on_id[i])) return true;
    return false;
}

static void note_blind(const step *s, vd_detections *into)
{
    vd_class_range *range = &into->blind[into->blind_count++];
    *range = (vd_class_range){ s->first, vd_model_class_count(s->model) };
}

void vd_lineup_run(vd_lineup *l, const vd_frame *frame, vd_detections *ret_detections,
                   vd_lineup_look *ret_look)
{
    l->utc_us = vd_frame_picture(frame)->utc_us;
    *ret_look = (vd_lineup_look){ 0 };
    ret_detections->count = ret_detections->blind_count = ret_detections->side_used = 0;
    ret_detections->cascade_count = 0;
    ret_detections->preprocess_us = ret_detections->run_us = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const step *s = &l->step[i];
        bool on = due(s, l->utc_us);
        if (on) look(l, i, frame, ret_detections, ret_look);
        bool looked = ret_look->looked & 1u << i, failed = ret_look->failed & 1u << i;
        bool saw = looked ? !failed : on && saw_nothing(s, ret_detections);
        if (s->model && !saw) note_blind(s, ret_detections);
    }
}
