/* The verdict on one product in one picture.
 *
 * What was found belongs to the product when it was found in the product's own crop (a cascade),
 * when its middle lies in the product's box, or when it names the whole picture. A place is told in
 * shares of the product's box.
 *
 *   fail      a defect of fail_min or more; a part that is missing, misplaced or came too early
 *   unsure    else a defect of unsure_min or more; no good class of pass_min or more where the rule
 *             names some; a part that is there with half the score
 *   pass      else */
#include <math.h>
#include <stdio.h>

#include "inspection_priv.h"

#define EDGE       0.02f /* a middle so far outside the product's box still is on it */
#define PART_LOOKS 2     /* before a part is said to have come */

typedef enum { PART_THERE, PART_DOUBT, PART_MISPLACED, PART_MISSING } part_state;

static bool is_whole(const vd_box *box)
{
    return box->w > 0.999f && box->h > 0.999f;
}

static vd_point middle_of(const vd_box *box)
{
    return (vd_point){ box->l + box->w / 2, box->t + box->h / 2 };
}

static bool lies_in(vd_point p, const vd_box *box)
{
    return p.x >= box->l - EDGE && p.x <= box->l + box->w + EDGE && p.y >= box->t - EDGE &&
           p.y <= box->t + box->h + EDGE;
}

static bool belongs(const vd_detections *seen, const held *h, int product, unsigned i)
{
    const vd_detection *d = &seen->item[i];
    if ((int)i == product) return false;
    if (product < 0) return is_whole(&d->box) || held_has(h, middle_of(&d->box));
    if (d->parent == product) return true;
    bool of_other = d->parent >= 0 && (unsigned)d->parent < seen->count &&
                    class_wanted(&h->classes, seen->item[d->parent].class_id);
    if (of_other) return false;
    return is_whole(&d->box) || lies_in(middle_of(&d->box), &seen->item[product].box);
}

/* The best that belongs to the product; -1: none. */
static int best_of(const vd_detections *seen, const held *h, int product, const class_list *classes)
{
    int best = -1;
    for (unsigned i = 0; i < seen->count; i++) {
        const vd_detection *d = &seen->item[i];
        if (!class_wanted(classes, d->class_id) || !belongs(seen, h, product, i)) continue;
        if (best < 0 || d->score > seen->item[best].score) best = (int)i;
    }
    return best;
}

/* ---- parts ---- */

static bool in_place(const vd_part *part, const vd_box *of, const vd_box *box)
{
    vd_point at = middle_of(&part->at), p = middle_of(box);
    float w = fmaxf(of->w, 1e-6f), h = fmaxf(of->h, 1e-6f);
    return hypotf((p.x - of->l) / w - at.x, (p.y - of->t) / h - at.y) <= part->tolerance;
}

/* It is no other part of the same kind. */
static bool is_astray(const held *h, int class_id, const vd_box *of, const vd_box *box)
{
    for (unsigned k = 0; k < h->rule.inspection.part_count; k++)
        if (h->part[k] == class_id && in_place(&h->rule.inspection.part[k], of, box)) return false;
    return true;
}

static part_state part_of(const vd_detections *seen, const held *h, int product, unsigned part)
{
    static const vd_box picture = { 0, 0, 1, 1 };
    const vd_box *of = product < 0 ? &picture : &seen->item[product].box;
    float there = 0, astray = 0;
    for (unsigned i = 0; i < seen->count; i++) {
        const vd_detection *d = &seen->item[i];
        if (d->class_id != h->part[part] || !belongs(seen, h, product, i)) continue;
        if (in_place(&h->rule.inspection.part[part], of, &d->box))
            there = fmaxf(there, d->score);
        else if (is_astray(h, h->part[part], of, &d->box))
            astray = fmaxf(astray, d->score);
    }
    if (there >= h->rule.score_min) return PART_THERE;
    if (there >= h->rule.score_min / 2) return PART_DOUBT;
    return astray >= h->rule.score_min ? PART_MISPLACED : PART_MISSING;
}

void judge_follow(const vd_detections *seen, const held *h, int product, sequence *done)
{
    for (unsigned i = 0; i < h->rule.inspection.part_count; i++) {
        bool there = part_of(seen, h, product, i) == PART_THERE;
        done->looks[i] = there ? (uint8_t)(done->looks[i] + (done->looks[i] < PART_LOOKS)) : 0;
    }
    for (unsigned i = 0; i < h->rule.inspection.part_count; i++) {
        if (done->looks[i] < PART_LOOKS || done->come & 1u << i) continue;
        for (unsigned k = 0; k < i; k++) /* one that has begun to come is not late */
            if (!(done->come & 1u << k) && !done->looks[k] && !done->wrong)
                done->wrong = 1 + (int)i;
        done->come = (uint16_t)(done->come | 1u << i);
    }
}

static void name_part(finding *f, const char *name)
{
    size_t used = strlen(f->parts);
    (void)snprintf(f->parts + used, sizeof f->parts - used, "%s%s", used ? ", " : "", name);
}

static void call(finding *f, vd_verdict verdict, const char *defect, int detection, float score)
{
    f->verdict = verdict;
    vd_slice_to_chars(vd_slice_str(defect), f->defect, sizeof f->defect);
    f->detection = detection;
    f->score = score;
}

static void judge_parts(const vd_detections *seen, const held *h, int product, const sequence *done,
                        finding *f)
{
    static const char *const words[] = { "", "in_doubt", "misplaced", "missing" };
    part_state worst = PART_THERE;
    for (unsigned i = 0; i < h->rule.inspection.part_count; i++) {
        part_state state = part_of(seen, h, product, i);
        if (state == PART_THERE) continue;
        if (state > worst) worst = state;
        name_part(f, h->rule.inspection.part[i].name);
    }
    if (worst >= PART_MISPLACED)
        call(f, VD_VERDICT_FAIL, words[worst], -1, 1);
    else if (done && done->wrong)
        call(f, VD_VERDICT_FAIL, "wrong_order", -1, 1);
    else if (worst == PART_DOUBT && f->verdict == VD_VERDICT_PASS)
        call(f, VD_VERDICT_UNSURE, words[worst], -1, 0);
    if (done && done->wrong && worst < PART_MISPLACED)
        name_part(f, h->rule.inspection.part[done->wrong - 1].name);
}

static const char *class_name_of(const held *h, uint16_t class_id)
{
    for (unsigned i = 0; i < h->defects.count; i++)
        if (h->defects.id[i] == class_id) return h->rule.inspection.defect[h->defects.from[i]];
    return "defect";
}

finding judge(const vd_detections *seen, const held *h, int product, const sequence *done)
{
    finding f = { .verdict = VD_VERDICT_PASS, .detection = -1, .score = 1 };
    const vd_rule *rule = &h->rule;
    int defect = best_of(seen, h, product, &h->defects);
    int good = best_of(seen, h, product, &h->good);
    float bad = defect < 0 ? 0 : seen->item[defect].score;
    float fine = good < 0 ? 0 : seen->item[good].score;

    if (rule->inspection.good_count) f.score = fine;
    if (defect >= 0 && bad >= rule->inspection.unsure_min)
        call(&f, bad >= rule->inspection.fail_min ? VD_VERDICT_FAIL : VD_VERDICT_UNSURE,
             class_name_of(h, seen->item[defect].class_id), defect, bad);
    else if (rule->inspection.good_count && fine < rule->inspection.pass_min)
        call(&f, VD_VERDICT_UNSURE, "", -1, fine);
    if (f.verdict != VD_VERDICT_FAIL) judge_parts(seen, h, product, done, &f);
    return f;
}

bool classes_blind(const vd_detections *seen, const class_list *classes)
{
    for (unsigned i = 0; i < classes->count; i++)
        if (vd_detections_blind(seen, classes->id[i])) return true;
    return false;
}

bool classes_passed_over(const vd_detections *seen, int detection, const class_list *classes)
{
    if (detection < 0 || (unsigned)detection >= seen->count) return false;
    for (unsigned i = 0; i < classes->count; i++)
        if (vd_detections_passed_over(seen, (unsigned)detection, classes->id[i])) return true;
    return false;
}

bool judge_is_blind(const vd_detections *seen, const held *h)
{
    if (classes_blind(seen, &h->good) || classes_blind(seen, &h->defects)) return true;
    for (unsigned i = 0; i < h->rule.inspection.part_count; i++)
        if (h->part[i] >= 0 && vd_detections_blind(seen, (unsigned)h->part[i])) return true;
    return false;
}
