/* gate.c - may the challenger take the champion's place: a verdict, and why, in words.
 *
 *   not the same pictures, nothing labelled ──▶ not_comparable
 *   too few groups for the confidence        ──▶ not_shown
 *   mAP50's interval above 0                 ──▶ better                (promote)
 *   above -margin, false alarms' below 0     ──▶ fewer_false_alarms    (promote)
 *   below 0                                  ──▶ worse
 *   otherwise                                ──▶ not_shown */
#include "gate_priv.h"

#include <math.h>
#include <stdio.h>

/* Room for one more; there is enough for all that this file says. */
static char *next_word(vd_gate_verdict *v)
{
    if (v->word_count < VD_COUNT_OF(v->words)) v->word_count++;
    return v->words[v->word_count - 1];
}
#define SAY(v, ...) ((void)snprintf(next_word(v), sizeof(v)->words[0], __VA_ARGS__))

static vd_err check_settings(const vd_gate_settings *s, vd_why *why)
{
    if (!(s->confidence >= 0.8 && s->confidence <= 0.999))
        return vd_fail(why, VD_INVALID, "the gate's confidence must be 0.8 to 0.999");
    if (!(s->margin >= 0 && s->margin <= 0.2))
        return vd_fail(why, VD_INVALID, "the gate's margin must be 0 to 0.2");
    if (s->draws < 100 || s->draws > 100000)
        return vd_fail(why, VD_INVALID, "the gate's draws must be 100 to 100000");
    return VD_OK;
}

/* So many groups that not all of them get better by luck alone: 2^-n within one tail. */
static unsigned groups_needed(double confidence)
{
    unsigned n = 0;
    double luck = 1; /* that n groups all get better */
    while (luck > (1 - confidence) / 2) {
        luck /= 2;
        n++;
    }
    return n;
}

static const char *percent(double share, char into[16])
{
    (void)snprintf(into, 16, "%.4g %%", share * 100);
    return into;
}

static void set_why(vd_gate_verdict *v, int outcome, const char *conclusion)
{
    char share[16];
    size_t used = 0;
    const vd_gate_difference *m = &v->map50, *f = &v->false_alarms;
    v->outcome = outcome;
    v->promote = outcome == VD_GATE_OUTCOME_BETTER || outcome == VD_GATE_OUTCOME_FEWER_FALSE_ALARMS;
    used +=
        (size_t)snprintf(v->why, sizeof v->why, "mAP50 %.3f -> %.3f", m->champion, m->challenger);
    if (!isnan(m->low))
        used += (size_t)snprintf(v->why + used, sizeof v->why - used, ", %s interval %+.3f..%+.3f",
                                 percent(v->settings.confidence, share), m->low, m->high);
    if (outcome == VD_GATE_OUTCOME_FEWER_FALSE_ALARMS)
        used += (size_t)snprintf(v->why + used, sizeof v->why - used,
                                 ", false alarms per picture %.3f -> %.3f (%+.3f..%+.3f)",
                                 f->champion, f->challenger, f->low, f->high);
    (void)snprintf(v->why + used, sizeof v->why - used, ": %s", conclusion);
}

static void judge(vd_gate_verdict *v)
{
    const vd_gate_difference *m = &v->map50, *f = &v->false_alarms;
    const vd_gate_settings *s = &v->settings;
    if (v->groups < s->least_groups)
        set_why(v, VD_GATE_OUTCOME_NOT_SHOWN, "too few groups to show anything");
    else if (isnan(m->low))
        set_why(v, VD_GATE_OUTCOME_NOT_SHOWN, "too few groups have anything labelled");
    else if (m->low > 0)
        set_why(v, VD_GATE_OUTCOME_BETTER, "better");
    else if (s->fewer_false_alarms_suffice && m->low >= -s->margin && f->high < 0)
        set_why(v, VD_GATE_OUTCOME_FEWER_FALSE_ALARMS, "as good, with fewer false alarms");
    else if (m->high < 0)
        set_why(v, VD_GATE_OUTCOME_WORSE, "worse");
    else
        set_why(v, VD_GATE_OUTCOME_NOT_SHOWN, "not shown to be better");
}

/* ---- what would help ---- */

static void advise_groups(vd_gate_verdict *v)
{
    char share[16];
    unsigned enough = v->settings.least_groups > 8 ? v->settings.least_groups : 8;
    if (v->groups < v->settings.least_groups)
        SAY(v,
            "%u group%s of neighbouring pictures cannot show anything at %s: at least %u are "
            "needed",
            v->groups, v->groups == 1 ? "" : "s", percent(v->settings.confidence, share),
            v->settings.least_groups);
    if (v->groups < enough)
        SAY(v, "%u group%s %s few: label pictures of %u more hour%s", v->groups,
            v->groups == 1 ? "" : "s", v->groups == 1 ? "is" : "are", enough - v->groups,
            enough - v->groups == 1 ? "" : "s");
    else if (v->outcome == VD_GATE_OUTCOME_NOT_SHOWN)
        SAY(v, "the interval is %.3f wide: pictures of more hours make it narrower",
            v->map50.high - v->map50.low);
}

static void advise(vd_gate_verdict *v, const gate_pair *pair)
{
    unsigned missing = 0;
    advise_groups(v);
    if (v->promote && v->false_alarms.low > 0)
        SAY(v, "it gives more false alarms at its threshold (%.3f -> %.3f per picture): raise it",
            v->false_alarms.champion, v->false_alarms.challenger);
    for (size_t n = 0; n < pair->class_count; n++)
        if (pair->side[0].matches.classes[n].total[EVAL_ALL] == 0 && missing++ < 2)
            SAY(v, "class '%.60s' is not in the split: nothing is said about it", pair->classes[n]);
    if (missing > 2) SAY(v, "%u more classes are not in the split", missing - 2);
}

static void not_comparable(vd_gate_verdict *v, const char *reason)
{
    v->outcome = VD_GATE_OUTCOME_NOT_COMPARABLE;
    (void)snprintf(v->why, sizeof v->why, "cannot be compared: %s", reason);
    SAY(v, "evaluate both models on the same split of the same dataset");
}

static vd_gate_difference difference_of(double champion, double challenger)
{
    return (vd_gate_difference){ .champion = champion,
                                 .challenger = challenger,
                                 .difference = challenger - champion,
                                 .low = NAN,
                                 .high = NAN };
}

static vd_err compare(const gate_pair *pair, vd_gate_verdict *v, vd_why *why)
{
    vd_err err = VD_OK;
    v->groups = (unsigned)pair->groups;
    v->pictures = pair->picture_count;
    v->map50 = difference_of(gate_map50(pair, 0, NULL), gate_map50(pair, 1, NULL));
    v->false_alarms =
        difference_of(gate_false_alarms(pair, 0, NULL), gate_false_alarms(pair, 1, NULL));
    if (isnan(v->map50.difference)) {
        not_comparable(v, "nothing is labelled in the split");
        return VD_OK;
    }
    if (pair->groups > 1)
        err = gate_bootstrap(pair, &v->settings, &v->map50, &v->false_alarms, why);
    if (err) return err;
    judge(v);
    advise(v, pair);
    return VD_OK;
}

vd_err vd_evaluation_gate(vd_slice champion_report, vd_slice challenger_report,
                          const vd_gate_settings *settings, vd_gate_verdict *ret_verdict,
                          vd_why *why)
{
    char differ[200];
    VD_AUTO(gate_pair) pair = { 0 };
    vd_gate_verdict v = { .settings = settings ? *settings : VD_GATE_SETTINGS,
                          .map50 = difference_of(NAN, NAN),
                          .false_alarms = difference_of(NAN, NAN) };
    vd_err err = check_settings(&v.settings, why);
    if (!err && !v.settings.least_groups)
        v.settings.least_groups = groups_needed(v.settings.confidence);
    if (!err) err = gate_pair_read(champion_report, challenger_report, &pair, differ, why);
    if (err) return err;
    if (differ[0])
        not_comparable(&v, differ);
    else
        err = compare(&pair, &v, why);
    if (!err) *ret_verdict = v;
    return err;
}

/* ---- as JSON ---- */

static void write_difference(const vd_gate_difference *d, const char *key, vd_json_w *w)
{
    vd_json_w_key(w, key);
    vd_json_w_object(w);
    vd_json_w_kv_num(w, "champion", d->champion, 6);
    vd_json_w_kv_num(w, "challenger", d->challenger, 6);
    vd_json_w_kv_num(w, "difference", d->difference, 6);
    vd_json_w_kv_num(w, "low", d->low, 6);
    vd_json_w_kv_num(w, "high", d->high, 6);
    vd_json_w_object_end(w);
}

void vd_gate_write(const vd_gate_verdict *verdict, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_bool(w, "promote", verdict->promote);
    vd_json_w_kv_text(w, "outcome", vd_gate_outcome_words[verdict->outcome]);
    vd_json_w_kv_text(w, "why", verdict->why);
    vd_json_w_kv_num(w, "confidence", verdict->settings.confidence, 6);
    vd_json_w_kv_num(w, "margin", verdict->settings.margin, 6);
    vd_json_w_kv_int(w, "draws", verdict->settings.draws);
    vd_json_w_kv_int(w, "groups", verdict->groups);
    vd_json_w_kv_int(w, "pictures", (int64_t)verdict->pictures);
    write_difference(&verdict->map50, "map50", w);
    write_difference(&verdict->false_alarms, "false_alarms", w);
    vd_json_w_key(w, "words");
    vd_json_w_list(w);
    for (unsigned n = 0; n < verdict->word_count; n++) vd_json_w_text(w, verdict->words[n]);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}
