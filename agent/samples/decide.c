/* decide.c - the policy as JSON, and the decision about one picture. No clock, no disk. */
#include <math.h>

#include "samples.h"
#include "vd/json.h"

#define HOUR_US     3600000000ll
#define RARE_SHARE  0.02 /* of the findings */
#define RARE_LEAST  200  /* findings before anything can be rare */
#define CAMERAS_MAX 64

static const char *const reasons[] = { "none", "random", "uncertain", "rare" };

const char *vd_sample_word(vd_sample_reason reason)
{
    return reasons[reason];
}

/* ---- the policy ---- */

static vd_err read_number(const vd_json *from, const char *key, double most, double *value,
                          vd_why *why)
{
    const vd_json *node = vd_json_get(from, key);
    vd_json_kind kind = vd_json_kind_of(node);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    double number = vd_json_num(node, -1);
    if ((kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) || !(number >= 0) || number > most)
        return vd_fail(why, VD_INVALID, "sampling's '%s' must be 0 to %g", key, most);
    *value = number;
    return VD_OK;
}

static vd_err read_budget(const vd_json *from, vd_sample_budget *budget, vd_why *why)
{
    double per_hour = budget->per_hour, sum = 0;
    vd_json_kind kind = vd_json_kind_of(from);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    if (kind != VD_JSON_IS_OBJECT)
        return vd_fail(why, VD_INVALID, "a camera's sampling is an object");
    /* Who names a part names them all: what is left out is nothing. */
    bool parted = false;
    for (int i = VD_SAMPLE_RANDOM; i < VD_SAMPLE_REASONS; i++)
        parted = parted || vd_json_get(from, reasons[i]);
    if (parted) memset(budget->part, 0, sizeof budget->part);
    vd_err err = read_number(from, "per_hour", VD_SAMPLES_PER_HOUR_MAX, &per_hour, why);
    for (int i = VD_SAMPLE_RANDOM; !err && i < VD_SAMPLE_REASONS; i++) {
        err = read_number(from, reasons[i], 1, &budget->part[i], why);
        sum += budget->part[i];
    }
    if (!err && sum > 1.000001) {
        err = vd_fail(why, VD_INVALID, "the parts of a sampling budget are more than the whole");
        vd_why_hint(why, "random, uncertain and rare are together at most 1");
    }
    budget->per_hour = (unsigned)per_hour;
    return err;
}

vd_err vd_sample_policy_read(vd_slice json, const char *camera, vd_sample_budget *ret_budget,
                             vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_sample_budget all = { .part = { 0, 0.3, 0.5, 0.2 } }, mine;
    vd_err err = vd_json_parse(json, VD_SAMPLES_POLICY_MAX, 8, &root, why);
    if (!err) err = read_budget(vd_json_get(root, "default"), &all, why);
    mine = all;
    const vd_json *cameras = vd_json_get(root, "cameras");
    if (!err && vd_json_len(cameras) > CAMERAS_MAX)
        err = vd_fail(why, VD_INVALID, "sampling names more than %d cameras", CAMERAS_MAX);
    for (size_t i = 0; !err && i < vd_json_len(cameras); i++) {
        const char *key = "";
        vd_sample_budget one = all;
        err = read_budget(vd_json_member(cameras, i, &key), &one, why);
        if (!err && strcmp(key, camera) == 0) mine = one;
    }
    if (!err) *ret_budget = mine;
    return err;
}

/* ---- the decision ---- */

/* Any number from any; splitmix64's finish. */
static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static unsigned share(const vd_sample_budget *budget, vd_sample_reason reason)
{
    return (unsigned)lround(budget->per_hour * budget->part[reason]);
}

/* One picture in each of `count` equal parts of the hour, at a drawn moment of it. Parts that went
 * by (the camera was away) are lost. */
static bool random_due(unsigned count, uint64_t seed, int64_t utc_us, vd_sample_spent *spent)
{
    int64_t into_us = utc_us - spent->hour * HOUR_US;
    if (!count) return false;
    unsigned part = (unsigned)(into_us * count / HOUR_US);
    if (spent->used[VD_SAMPLE_RANDOM] > part) return false;
    uint64_t draw = mixed(seed ^ mixed((uint64_t)spent->hour * 4096 + part)) >> 11;
    int64_t wide_us = HOUR_US / count;
    int64_t moment_us =
        part * wide_us + (int64_t)((double)draw / 9007199254740992.0 * (double)wide_us);
    if (into_us < moment_us) return false;
    spent->used[VD_SAMPLE_RANDOM] = part + 1;
    return true;
}

/* No faster than the hour passes, and one to begin with. */
static bool paced_due(unsigned count, vd_sample_reason reason, int64_t utc_us,
                      vd_sample_spent *spent)
{
    int64_t into_us = utc_us - spent->hour * HOUR_US;
    unsigned allowed = (unsigned)(into_us * count / HOUR_US) + 1;
    if (allowed > count) allowed = count;
    if (spent->used[reason] >= allowed) return false;
    spent->used[reason]++;
    return true;
}

static float threshold_of(const vd_vocabulary *words, const vd_detection *d)
{
    return vd_vocabulary_model_of(words, d->class_id)->score_min;
}

static bool has_rare(const vd_sample_seen *seen, const vd_detections *d, const vd_vocabulary *words)
{
    if (seen->total < RARE_LEAST) return false;
    for (unsigned i = 0; i < d->count; i++) {
        unsigned c = d->item[i].class_id;
        if (c >= VD_SAMPLES_CLASSES || d->item[i].score < threshold_of(words, &d->item[i]))
            continue;
        if (seen->of_class[c] < RARE_SHARE * (double)seen->total) return true;
    }
    return false;
}

static bool has_unsure(const vd_detections *d, const vd_vocabulary *words)
{
    for (unsigned i = 0; i < d->count; i++)
        if (fabsf(d->item[i].score - threshold_of(words, &d->item[i])) <= VD_SAMPLES_UNSURE)
            return true;
    return false;
}

/* Begins a new hour's account, and keeps samples apart. */
static bool may_take(const vd_sample_budget *budget, int64_t utc_us, vd_sample_spent *spent)
{
    if (!budget->per_hour || utc_us < 0) return false;
    if (spent->hour != utc_us / HOUR_US)
        *spent = (vd_sample_spent){ .hour = utc_us / HOUR_US, .last_us = spent->last_us };
    int64_t apart_us = HOUR_US / budget->per_hour / 4;
    /* A clock that was set back must not silence the camera. */
    return spent->last_us > utc_us || utc_us - spent->last_us >= apart_us;
}

vd_sample_reason vd_sample_decide_unsure(const vd_sample_budget *budget, int64_t utc_us,
                                         vd_sample_spent *spent)
{
    if (!may_take(budget, utc_us, spent)) return VD_SAMPLE_NONE;
    if (!paced_due(share(budget, VD_SAMPLE_UNCERTAIN), VD_SAMPLE_UNCERTAIN, utc_us, spent))
        return VD_SAMPLE_NONE;
    spent->last_us = utc_us;
    return VD_SAMPLE_UNCERTAIN;
}

vd_sample_reason vd_sample_decide(const vd_sample_budget *budget, const vd_sample_seen *seen,
                                  const vd_detections *detections, const vd_vocabulary *words,
                                  uint64_t seed, int64_t utc_us, vd_sample_spent *spent)
{
    if (!may_take(budget, utc_us, spent)) return VD_SAMPLE_NONE;
    vd_sample_reason reason = VD_SAMPLE_NONE;
    if (has_rare(seen, detections, words) &&
        paced_due(share(budget, VD_SAMPLE_RARE), VD_SAMPLE_RARE, utc_us, spent))
        reason = VD_SAMPLE_RARE;
    else if (has_unsure(detections, words) &&
             paced_due(share(budget, VD_SAMPLE_UNCERTAIN), VD_SAMPLE_UNCERTAIN, utc_us, spent))
        reason = VD_SAMPLE_UNCERTAIN;
    else if (random_due(share(budget, VD_SAMPLE_RANDOM), seed, utc_us, spent))
        reason = VD_SAMPLE_RANDOM;
    if (reason) spent->last_us = utc_us;
    return reason;
}
