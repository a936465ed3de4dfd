/* A scorer's answer: whatever comes out is a detection of a class that was asked for, inside of the
 * picture, best first; or an error with a fact and nothing at all. */
#include "fuzz.h"
#include "inference.h"

static vd_detections found;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const classes[] = { "car", "person" };
    vd_why why = { 0 };
    if (vd_scorer_answer(vd_slice_of(data, len), classes, 2, &found, &why)) {
        fuzz_holds(why.fact[0] != '\0' && found.count == 0);
        return 0;
    }
    fuzz_holds(found.count <= VD_DETECTIONS_MAX);
    for (unsigned i = 0; i < found.count; i++) {
        const vd_detection *d = &found.item[i];
        fuzz_holds(d->class_id < 2 && d->score >= VD_SCORE_FLOOR && d->score <= 1);
        fuzz_holds(d->box.l >= 0 && d->box.t >= 0 && d->box.w > 0 && d->box.h > 0);
        fuzz_holds(d->box.l + d->box.w <= 1.0001f && d->box.t + d->box.h <= 1.0001f);
        fuzz_holds(i == 0 || found.item[i - 1].score >= d->score);
    }
    return 0;
}
