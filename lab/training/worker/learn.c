#include "learn_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dice_priv.h"
#include "vd/clock.h"
#include "vd/program.h"

#define RECOVERIES_MAX 2
#define RATE_LAST      0.05 /* of the rate, at the end of the last epoch */
#define WARM_STEPS     10.0

typedef struct {
    const trainer_job *job;
    const trainer_settings *s;
    const set *set;
    const plan *plan;
    net *net;
    samples *samples;
    net_facts facts;
    target_shape shape;
    unsigned *order; /* training pictures */
    unsigned order_count, batches;
    float *heat, *box, *weight, *heat_have, *size_have; /* of one batch */
    int64_t *classes;
    const uint16_t **features;
    const sample **batch;
    checkpoint c;
    char path[TRAINER_PATH_ROOM];
    int64_t saved_us;
} learner;

/* Pictures in an order that only the seed and the epoch decide. */
static void shuffle(learner *l)
{
    dice d = dice_of((uint64_t)l->s->seed, 1000003u + l->c.at.epoch);
    l->order_count = 0;
    for (unsigned i = 0; i < l->set->picture_count; i++)
        if (l->set->picture[i].split == SET_TRAIN) l->order[l->order_count++] = i;
    for (unsigned i = l->order_count; i > 1; i--) {
        unsigned k = (unsigned)dice_roll(&d, i), keep = l->order[i - 1];
        l->order[i - 1] = l->order[k];
        l->order[k] = keep;
    }
}

static unsigned variant_of(const learner *l, unsigned picture)
{
    if (!l->s->augment) return 0;
    dice d = dice_of((uint64_t)l->s->seed ^ l->c.at.epoch << 32, picture);
    return (unsigned)dice_roll(&d, (uint64_t)l->s->variants);
}

static void draw(learner *l, unsigned at, const sample *from)
{
    static view v; /* large; one thread trains */
    size_t plane = (size_t)l->shape.height * l->shape.width;
    memcpy(v.box, from->box, from->box_count * sizeof(*v.box));
    v.box_count = from->box_count;
    target_draw(&l->shape, &v, l->heat + at * plane * l->shape.rows, l->box + at * plane * 4,
                l->weight + at * plane);
}

static vd_err gather(learner *l, const unsigned *pictures, unsigned count, bool plain,
                     net_batch *ret_batch, vd_why *why)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned variant = plain ? 0 : variant_of(l, pictures[i]);
        vd_err err = samples_get(l->samples, pictures[i], variant, &l->batch[i], why);
        if (err) return err;
        l->features[i] = l->batch[i]->features;
        l->classes[i] = l->batch[i]->class_id;
        if (l->plan->task == NET_DETECTION) draw(l, i, l->batch[i]);
    }
    *ret_batch = (net_batch){ .count = count,
                              .features = l->features,
                              .heat = l->heat,
                              .box = l->box,
                              .weight = l->weight,
                              .classes = l->classes };
    return VD_OK;
}

static bool say(const learner *l, const trainer_value *values, unsigned count)
{
    const trainer_listener *to = &l->job->listener;
    uint64_t step = l->c.at.epoch * l->batches + l->c.at.batch;
    bool go_on = !to->progress ||
                 to->progress(to->ctx, step, (uint64_t)l->s->epochs * l->batches, values, count);
    return go_on && !vd_stop_asked();
}

static double rate_at(const learner *l)
{
    double all = (double)((uint64_t)l->s->epochs * l->batches);
    double step = (double)(l->c.at.epoch * l->batches + l->c.at.batch);
    double warm = step + 1 < WARM_STEPS ? (step + 1) / WARM_STEPS : 1;
    double fall = RATE_LAST + (1 - RATE_LAST) * (1 + cos(M_PI * step / all)) / 2;
    return l->s->learning_rate * l->c.at.rate_scale * warm * fall;
}

/* ---- validation ---- */

static vd_err add_found(learner *l, tally *t, unsigned count, vd_why *why)
{
    static view truth;
    size_t plane = (size_t)l->shape.height * l->shape.width;
    for (unsigned i = 0; i < count; i++) {
        target_found found[FOUND_MAX];
        unsigned peaks = target_decode(&l->shape, l->heat_have + i * plane * l->shape.rows,
                                       l->size_have + i * plane * 4, found);
        memcpy(truth.box, l->batch[i]->box, l->batch[i]->box_count * sizeof(*truth.box));
        truth.box_count = l->batch[i]->box_count;
        if (!tally_add(t, &l->shape, &truth, found, peaks))
            return vd_fail(why, VD_FULL, "there is no memory for validation");
    }
    return VD_OK;
}

static vd_err judge_all(learner *l, tally *t, past *ret_past, vd_why *why)
{
    unsigned list[256], count = 0, seen = 0, right = 0;
    double sum = 0;
    for (unsigned i = 0; i < l->set->picture_count; i++) {
        if (l->set->picture[i].split == SET_VAL) list[count++] = i;
        if (!count || (count < (unsigned)l->s->batch && i + 1 < l->set->picture_count)) continue;
        net_batch batch;
        net_score score;
        vd_err err = gather(l, list, count, true, &batch, why);
        if (!err)
            err = net_judge(l->net, &batch, &score, t ? l->heat_have : NULL,
                            t ? l->size_have : NULL, why);
        if (!err && t) err = add_found(l, t, count, why);
        if (err) return err;
        sum += score.loss * count;
        right += score.right;
        seen += count;
        count = 0;
        if (!say(l, NULL, 0)) return vd_fail(why, VD_GONE, "the run was stopped");
    }
    ret_past->val = sum / seen;
    ret_past->measure = t ? tally_map50(t) : (double)right / seen;
    return VD_OK;
}

static vd_err validate(learner *l, past *ret_past, vd_why *why)
{
    bool detection = l->plan->task == NET_DETECTION;
    tally *t = detection ? tally_new(l->shape.rows) : NULL;
    if (detection && !t) return vd_fail(why, VD_FULL, "there is no memory for validation");
    vd_err err = judge_all(l, t, ret_past, why);
    (void)tally_free(t);
    return err;
}

/* ---- the state that survives ---- */

static vd_err save(learner *l, vd_why *why)
{
    uint64_t steps;
    net_state_get(l->net, l->c.numbers, &steps);
    l->c.at.steps = steps;
    vd_err err = checkpoint_save(&l->c, l->path, why);
    l->saved_us = vd_clock_mono_us();
    if (!err && l->job->listener.checkpoint)
        l->job->listener.checkpoint(l->job->listener.ctx, l->path);
    return err;
}

static void keep_best(learner *l, const past *now)
{
    moment *at = &l->c.at;
    bool better = now->measure > at->best_measure + 1e-9 ||
                  (fabs(now->measure - at->best_measure) <= 1e-9 && now->val < at->best_val);
    if (at->epoch && !better) return;
    at->best_epoch = at->epoch;
    at->best_measure = now->measure;
    at->best_val = now->val;
    net_numbers_get(l->net, l->c.best);
}

/* The loss is no number any more: back to the best numbers, with a tenth of the rate; after a few
 * times the fault lies elsewhere. */
static vd_err recover(learner *l, vd_why *why)
{
    moment *at = &l->c.at;
    double rate = rate_at(l);
    if (at->recoveries == RECOVERIES_MAX) {
        vd_fail(why, VD_INVALID, "the loss is no number any more");
        vd_why_detail(why, "epoch %llu, step %llu, learning rate %g",
                      (unsigned long long)at->epoch + 1, (unsigned long long)at->batch + 1, rate);
        vd_why_hint(why, "lower learning_rate; if it stays, look at the labels of this dataset");
        return VD_INVALID;
    }
    at->recoveries++;
    at->rate_scale /= 10;
    memset(l->c.numbers, 0, l->c.number_count * sizeof(float));
    net_state_set(l->net, l->c.numbers, 0);
    net_numbers_set(l->net, l->c.best);
    plan_tell(&l->job->listener,
              "the loss was no number in epoch %llu: back to epoch %llu with a tenth of the "
              "learning rate (%g)",
              (unsigned long long)at->epoch + 1, (unsigned long long)at->best_epoch, rate / 10);
    return VD_OK;
}

static vd_err step(learner *l, vd_why *why)
{
    unsigned first = (unsigned)(l->c.at.batch * (uint64_t)l->s->batch);
    unsigned count = l->order_count - first;
    if (count > (unsigned)l->s->batch) count = (unsigned)l->s->batch;
    net_batch batch;
    net_score score = { 0 };
    double rate = rate_at(l);
    vd_err err = gather(l, l->order + first, count, false, &batch, why);
    if (!err) err = net_learn(l->net, &batch, rate, &score, why);
    if (err) return err;
    if (!isfinite(score.loss)) {
        err = recover(l, why);
    } else {
        l->c.at.sum += score.loss * count;
        l->c.at.seen += count;
    }
    l->c.at.batch++;
    if (err) return err;
    trainer_value values[] = { { "train_loss", score.loss },
                               { "heat_loss", score.heat },
                               { "size_loss", score.size },
                               { "learning_rate", rate } };
    bool detection = l->plan->task == NET_DETECTION;
    if (!detection) values[1] = values[3];
    bool told = isfinite(score.loss);
    if (!say(l, told ? values : NULL, told ? (detection ? 4 : 2) : 0)) {
        err = save(l, why);
        return err ? err : vd_fail(why, VD_GONE, "the run was stopped");
    }
    bool due = vd_clock_mono_us() - l->saved_us > l->s->checkpoint_ms * 1000;
    return due && l->c.at.batch < l->batches ? save(l, why) : VD_OK;
}

static vd_err end_epoch(learner *l, vd_why *why)
{
    moment *at = &l->c.at;
    past now = { .train = at->seen ? at->sum / (double)at->seen : NAN };
    vd_err err = validate(l, &now, why);
    if (err) return err;
    at->epoch++;
    at->batch = at->seen = 0;
    at->sum = 0;
    l->c.history[at->epoch] = now;
    keep_best(l, &now);
    trainer_value values[] = {
        { "epoch_loss", now.train },
        { "val_loss", now.val },
        { l->plan->task == NET_DETECTION ? "val_map50" : "val_accuracy", now.measure },
    };
    bool go_on = say(l, values, 3);
    err = save(l, why);
    return err ? err : go_on ? VD_OK : vd_fail(why, VD_GONE, "the run was stopped");
}

static bool is_over(const learner *l)
{
    const moment *at = &l->c.at;
    bool tired = l->s->patience && at->epoch >= at->best_epoch + (uint64_t)l->s->patience;
    return at->epoch >= (uint64_t)l->s->epochs || tired;
}

static vd_err begin(learner *l, bool *ret_resumed, vd_why *why)
{
    l->saved_us = vd_clock_mono_us();
    *ret_resumed = checkpoint_load(&l->c, l->path);
    if (*ret_resumed) {
        net_state_set(l->net, l->c.numbers, l->c.at.steps);
        plan_tell(&l->job->listener, "taken up again after epoch %llu, step %llu",
                  (unsigned long long)l->c.at.epoch, (unsigned long long)l->c.at.batch);
        return VD_OK;
    }
    l->c.at = (moment){ .rate_scale = 1 };
    past start = { .train = NAN };
    vd_err err = validate(l, &start, why);
    if (err) return err;
    l->c.history[0] = start;
    keep_best(l, &start);
    const char *name = l->plan->task == NET_DETECTION ? "val_map50" : "val_accuracy";
    trainer_value values[] = { { "val_loss", start.val }, { name, start.measure } };
    return say(l, values, 2) ? VD_OK : vd_fail(why, VD_GONE, "the run was stopped");
}

static vd_err epochs(learner *l, trainer_result *r, vd_why *why)
{
    vd_err err = begin(l, &r->resumed, why);
    while (!err && !is_over(l)) {
        shuffle(l);
        while (!err && l->c.at.batch < l->batches) err = step(l, why);
        if (!err) err = end_epoch(l, why);
    }
    if (err) return err;
    const moment *at = &l->c.at;
    net_numbers_set(l->net, l->c.best);
    r->epochs = (unsigned)at->epoch;
    r->best_epoch = (unsigned)at->best_epoch;
    r->loss_first = l->c.history[at->epoch ? 1 : 0].train;
    r->loss_last = l->c.history[at->epoch].train;
    r->measure_start = l->c.history[0].measure;
    r->measure_best = at->best_measure;
    learn_words(l->c.history, r->epochs, r->best_epoch, (unsigned)l->s->epochs,
                l->plan->task == NET_DETECTION, &l->job->listener);
    return VD_OK;
}

/* ---- what a run is ---- */

/* Not the number of threads: a run taken over by another machine goes on, with its own last bits.
 */
static vd_digest key_of(const learner *l)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    const trainer_settings *s = l->s;
    bool fits = vd_buf_addf(
        &text, "%s %s %s %lld %lld %lld %lld %lld %.17g %.17g %.17g %.17g %.17g %.17g %.17g %d",
        vd_version, l->set->digest.hex, l->plan->start.hex, (long long)s->seed,
        (long long)s->epochs, (long long)s->batch, (long long)s->patience, (long long)s->variants,
        s->learning_rate, s->weight_decay, s->freeze, s->size_weight, s->flip, s->scale, s->colour,
        s->augment);
    return vd_sha256(fits ? vd_buf_slice(&text) : VD_SLICE_NONE);
}

static bool take_room(learner *l)
{
    size_t batch = (size_t)l->s->batch, plane = (size_t)l->shape.height * l->shape.width;
    l->order = calloc(l->set->picture_count + 1u, sizeof(*l->order));
    l->heat = calloc(batch * plane * l->shape.rows + 1, sizeof(float));
    l->box = calloc(batch * plane * 4 + 1, sizeof(float));
    l->weight = calloc(batch * plane + 1, sizeof(float));
    l->heat_have = calloc(batch * plane * l->shape.rows + 1, sizeof(float));
    l->size_have = calloc(batch * plane * 4 + 1, sizeof(float));
    l->classes = calloc(batch, sizeof(*l->classes));
    l->features = calloc(batch, sizeof(*l->features));
    l->batch = calloc(batch, sizeof(*l->batch));
    l->c.number_count = net_state_count(l->net);
    l->c.best_count = l->facts.trained_numbers;
    l->c.history_room = (size_t)l->s->epochs + 1;
    l->c.numbers = calloc(l->c.number_count, sizeof(float));
    l->c.best = calloc(l->c.best_count, sizeof(float));
    l->c.history = calloc(l->c.history_room, sizeof(*l->c.history));
    return l->order && l->heat && l->box && l->weight && l->heat_have && l->size_have &&
           l->classes && l->features && l->batch && l->c.numbers && l->c.best && l->c.history;
}

static void give_back(learner *l)
{
    void *const all[] = { l->order,     l->heat,      l->box,      l->weight,
                          l->heat_have, l->size_have, l->classes,  l->c.numbers,
                          l->c.best,    l->c.history, l->features, l->batch };
    for (size_t i = 0; i < VD_COUNT_OF(all); i++) free(all[i]);
}

vd_err learn_run(const trainer_job *job, const set *s, const plan *p, net *n, samples *from,
                 trainer_result *ret_result, vd_why *why)
{
    learner l = { .job = job, .s = &job->settings, .set = s, .plan = p, .net = n, .samples = from };
    net_facts_of(n, &l.facts);
    if (p->task == NET_DETECTION)
        l.shape = (target_shape){ .rows = l.facts.rows,
                                  .height = l.facts.height,
                                  .width = l.facts.width,
                                  .stride = (float)p->facts->tensor.width_px / (float)l.facts.width,
                                  .row_of = p->row_of };
    l.batches = (s->split_count[SET_TRAIN] + (unsigned)job->settings.batch - 1) /
                (unsigned)job->settings.batch;
    l.c.key = key_of(&l);
    (void)snprintf(l.path, sizeof(l.path), "%s/checkpoint.bin", job->out);
    vd_err err = take_room(&l) ? epochs(&l, ret_result, why)
                               : vd_fail(why, VD_FULL, "there is no memory for training");
    give_back(&l);
    return err;
}
