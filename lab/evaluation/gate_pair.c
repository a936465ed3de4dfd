/* gate_pair.c - reads two reports, and whether they are of the same pictures. */
#include "gate_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "no memory to compare the reports");
}

static vd_err damaged(vd_why *why, const char *what)
{
    return vd_fail(why, VD_INVALID, "the report is damaged: %s", what);
}

static vd_err read_root(vd_slice report, gate_side *side, vd_why *why)
{
    vd_eval_summary summary;
    vd_err err = vd_eval_summary_read(report, &summary, why);
    if (!err)
        err = vd_json_parse(report, VD_EVAL_REPORT_BYTES, VD_LIMIT_JSON_DEPTH, &side->root, why);
    side->pictures = vd_json_get(side->root, "pictures");
    return err;
}

static const char *text_at(const gate_side *side, const char *key)
{
    return vd_json_text(vd_json_get(side->root, key), "");
}

static const char *member_at(const gate_side *side, size_t picture, const char *key)
{
    return vd_json_text(vd_json_get(vd_json_at(side->pictures, picture), key), "");
}

/* ---- are they of the same pictures ---- */

static bool same_classes(const vd_json *a, const vd_json *b)
{
    bool same = vd_json_len(a) == vd_json_len(b);
    for (size_t n = 0; same && n < vd_json_len(a); n++)
        same =
            strcmp(vd_json_text(vd_json_at(a, n), "a"), vd_json_text(vd_json_at(b, n), "b")) == 0;
    return same;
}

static bool same_pictures(const gate_side *a, const gate_side *b, char differ[200])
{
    size_t one = vd_json_len(a->pictures), two = vd_json_len(b->pictures);
    if (one != two) {
        (void)snprintf(differ, 200, "one report measures %zu pictures, the other %zu", one, two);
        return false;
    }
    for (size_t n = 0; n < one; n++) {
        if (strcmp(member_at(a, n, "picture"), member_at(b, n, "picture")) == 0 &&
            strcmp(member_at(a, n, "group"), member_at(b, n, "group")) == 0)
            continue;
        (void)snprintf(differ, 200, "picture %.12s is in one of the reports only",
                       member_at(a, n, "picture"));
        return false;
    }
    return true;
}

static bool comparable(const gate_side *a, const gate_side *b, char differ[200])
{
    if (strcmp(text_at(a, "dataset"), text_at(b, "dataset")) != 0) {
        (void)snprintf(differ, 200, "the reports are of different datasets (%.12s, %.12s)",
                       text_at(a, "dataset"), text_at(b, "dataset"));
        return false;
    }
    if (strcmp(text_at(a, "split"), text_at(b, "split")) != 0) {
        (void)snprintf(differ, 200, "the reports are of different splits (%.5s, %.5s)",
                       text_at(a, "split"), text_at(b, "split"));
        return false;
    }
    if (strcmp(text_at(a, "task"), text_at(b, "task")) != 0 ||
        !same_classes(vd_json_get(a->root, "classes"), vd_json_get(b->root, "classes"))) {
        (void)snprintf(differ, 200, "the reports are of different classes");
        return false;
    }
    return same_pictures(a, b, differ);
}

/* ---- groups ---- */

static int by_group(const void *a, const void *b, void *arg)
{
    const gate_side *side = arg;
    return strcmp(member_at(side, *(const uint32_t *)a, "group"),
                  member_at(side, *(const uint32_t *)b, "group"));
}

static vd_err number_groups(gate_pair *pair, vd_why *why)
{
    gate_side *side = &pair->side[0];
    size_t count = pair->picture_count;
    uint32_t *order = calloc(count + 1, sizeof *order);
    pair->group_of = calloc(count + 1, sizeof *pair->group_of);
    pair->group_pictures = calloc(count + 1, sizeof *pair->group_pictures);
    vd_err err = order && pair->group_of && pair->group_pictures ? VD_OK : no_memory(why);
    for (uint32_t n = 0; !err && n < count; n++) order[n] = n;
    if (!err) qsort_r(order, count, sizeof *order, by_group, side);
    for (size_t n = 0; !err && n < count; n++) {
        if (n == 0 || by_group(&order[n], &order[n - 1], side) != 0) pair->groups++;
        pair->group_of[order[n]] = (uint32_t)pair->groups - 1;
        pair->group_pictures[pair->groups - 1]++;
    }
    free(order);
    return err;
}

/* ---- matches ---- */

/* Numbers of pairs (score, hit) per class, so that lists are made once. */
static vd_err make_lists(const gate_pair *pair, gate_side *side, vd_why *why)
{
    eval_matches *m = &side->matches;
    m->classes = calloc(pair->class_count, sizeof *m->classes);
    if (!m->classes) return no_memory(why);
    m->class_count = pair->class_count;
    for (size_t n = 0; n < pair->picture_count; n++) {
        const vd_json *list = vd_json_get(vd_json_at(side->pictures, n), "matches");
        for (size_t k = 0; k < vd_json_len(list); k++) {
            const vd_json *of_class = vd_json_at(list, k);
            int64_t class_index = vd_json_int(vd_json_at(of_class, 0), -1);
            if (class_index < 0 || (size_t)class_index >= pair->class_count ||
                vd_json_len(of_class) < 2 || vd_json_len(of_class) % 2)
                return damaged(why, "a picture's matches are not pairs of a known class");
            m->classes[class_index].count += vd_json_len(of_class) / 2 - 1;
        }
    }
    size_t most = 1;
    for (size_t n = 0; n < pair->class_count; n++) {
        eval_class *c = &m->classes[n];
        if (c->count > most) most = c->count;
        c->marks = calloc(c->count + 1, sizeof *c->marks);
        c->truths[EVAL_ALL] = calloc(pair->groups, sizeof(double));
        if (!c->marks || !c->truths[EVAL_ALL]) return no_memory(why);
        c->count = 0;
    }
    m->scratch = calloc(most, 2 * sizeof *m->scratch);
    side->false_alarms = calloc(pair->groups, sizeof *side->false_alarms);
    return m->scratch && side->false_alarms ? VD_OK : no_memory(why);
}

static vd_err read_matches(eval_matches *m, const vd_json *of_class, uint32_t group, vd_why *why)
{
    eval_class *c = &m->classes[vd_json_int(vd_json_at(of_class, 0), 0)];
    double truths = vd_json_num(vd_json_at(of_class, 1), -1);
    if (!(truths >= 0 && truths <= EVAL_TRUTHS_MAX))
        return damaged(why, "a number of truths makes no sense");
    c->truths[EVAL_ALL][group] += truths;
    c->total[EVAL_ALL] += truths;
    for (size_t n = 2; n + 1 < vd_json_len(of_class); n += 2) {
        double score = vd_json_num(vd_json_at(of_class, n), -1);
        int64_t hit = vd_json_int(vd_json_at(of_class, n + 1), -1);
        if (!(score >= 0 && score <= 1) || (hit != 0 && hit != 1))
            return damaged(why, "a match makes no sense");
        c->marks[c->count] = (eval_mark){
            .score = score, .picture = group, .order = (uint32_t)c->count, .hit = { (uint16_t)hit }
        };
        c->count++;
    }
    return VD_OK;
}

static int by_score(const void *a, const void *b)
{
    const eval_mark *one = a, *two = b;
    if (one->score != two->score) return one->score > two->score ? -1 : 1;
    return one->order < two->order ? -1 : one->order > two->order;
}

static vd_err read_side(const gate_pair *pair, gate_side *side, vd_why *why)
{
    vd_err err = make_lists(pair, side, why);
    for (size_t n = 0; !err && n < pair->picture_count; n++) {
        const vd_json *picture = vd_json_at(side->pictures, n);
        const vd_json *list = vd_json_get(picture, "matches");
        double fp = vd_json_num(vd_json_get(picture, "fp"), -1);
        if (!(fp >= 0 && fp <= 1e6)) return damaged(why, "a number of false alarms makes no sense");
        side->false_alarms[pair->group_of[n]] += fp;
        for (size_t k = 0; !err && k < vd_json_len(list); k++)
            err = read_matches(&side->matches, vd_json_at(list, k), pair->group_of[n], why);
    }
    for (size_t n = 0; !err && n < pair->class_count; n++) {
        eval_class *c = &side->matches.classes[n];
        qsort(c->marks, c->count, sizeof *c->marks, by_score);
    }
    return err;
}

static vd_err name_classes(gate_pair *pair, vd_why *why)
{
    const vd_json *list = vd_json_get(pair->side[0].root, "classes");
    size_t count = vd_json_len(list);
    if (count == 0 || count > EVAL_CLASSES_MAX) return damaged(why, "it has no classes");
    pair->classes = calloc(count, sizeof *pair->classes);
    if (!pair->classes) return no_memory(why);
    for (size_t n = 0; n < count; n++) pair->classes[n] = vd_json_text(vd_json_at(list, n), "");
    pair->class_count = count;
    return VD_OK;
}

vd_err gate_pair_read(vd_slice champion, vd_slice challenger, gate_pair *ret_pair,
                      char ret_differ[200], vd_why *why)
{
    gate_pair *pair = ret_pair;
    ret_differ[0] = '\0';
    vd_err err = read_root(champion, &pair->side[0], why);
    if (!err) err = read_root(challenger, &pair->side[1], why);
    if (err || !comparable(&pair->side[0], &pair->side[1], ret_differ)) return err;
    pair->picture_count = vd_json_len(pair->side[0].pictures);
    if (pair->picture_count == 0) return damaged(why, "it has no pictures");
    err = name_classes(pair, why);
    if (!err) err = number_groups(pair, why);
    for (int n = 0; !err && n < 2; n++) err = read_side(pair, &pair->side[n], why);
    return err;
}

void gate_pair_done(gate_pair *pair)
{
    for (int n = 0; n < 2; n++) {
        vd_json_free(pair->side[n].root);
        eval_matches_done(&pair->side[n].matches);
        free(pair->side[n].false_alarms);
    }
    free(pair->classes);
    free(pair->group_of);
    free(pair->group_pictures);
    *pair = (gate_pair){ 0 };
}

/* ---- figures ---- */

double gate_map50(const gate_pair *pair, int side, const double *weight)
{
    return eval_average(&pair->side[side].matches, weight, pair->groups, EVAL_ALL, 0, 0);
}

double gate_false_alarms(const gate_pair *pair, int side, const double *weight)
{
    double alarms = 0, pictures = 0;
    for (size_t n = 0; n < pair->groups; n++) {
        double times = weight ? weight[n] : 1;
        alarms += times * pair->side[side].false_alarms[n];
        pictures += times * pair->group_pictures[n];
    }
    return pictures > 0 ? alarms / pictures : NAN;
}

/* ---- bootstrap ---- */

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* As many groups as there are, with repetition. */
static void draw(uint64_t *state, double *weight, size_t groups)
{
    for (size_t n = 0; n < groups; n++) weight[n] = 0;
    for (size_t n = 0; n < groups; n++)
        weight[(size_t)((next_random(state) >> 32) * groups >> 32)]++;
}

static int by_value(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;
    return one < two ? -1 : one > two;
}

static double quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t low = (size_t)place, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (place - (double)low) * (sorted[high] - sorted[low]);
}

static void interval(double *values, size_t count, const vd_gate_settings *s,
                     vd_gate_difference *into)
{
    double tail = (1 - s->confidence) / 2;
    into->low = into->high = NAN;
    if (count < s->draws / 2 || count < 2) return;
    qsort(values, count, sizeof *values, by_value);
    into->low = quantile(values, count, tail);
    into->high = quantile(values, count, 1 - tail);
}

vd_err gate_bootstrap(const gate_pair *pair, const vd_gate_settings *settings,
                      vd_gate_difference *map50, vd_gate_difference *false_alarms, vd_why *why)
{
    size_t count = 0;
    uint64_t state = settings->seed;
    double *weight = calloc(pair->groups, sizeof *weight);
    double *maps = calloc(settings->draws, sizeof *maps);
    double *alarms = calloc(settings->draws, sizeof *alarms);
    bool ok = weight && maps && alarms;
    for (unsigned n = 0; ok && n < settings->draws; n++) {
        draw(&state, weight, pair->groups);
        double difference = gate_map50(pair, 1, weight) - gate_map50(pair, 0, weight);
        if (isnan(difference)) continue; /* nothing is labelled in these groups */
        alarms[count] = gate_false_alarms(pair, 1, weight) - gate_false_alarms(pair, 0, weight);
        maps[count++] = difference;
    }
    if (ok) interval(maps, count, settings, map50);
    if (ok) interval(alarms, count, settings, false_alarms);
    free(weight);
    free(maps);
    free(alarms);
    return ok ? VD_OK : no_memory(why);
}
