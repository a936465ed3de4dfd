/* A file of stored detections: whatever is read is within its limits. */
#include "fuzz.h"
#include "history.h"

static vd_err on_picture(void *ctx, const char *camera, const vd_detections *detections,
                         const vd_vocabulary *words, int64_t utc_us, vd_why *why)
{
    unsigned *pictures = ctx;
    (void)camera, (void)utc_us, (void)why;
    fuzz_holds(detections->count <= VD_DETECTIONS_MAX);
    fuzz_holds(detections->blind_count <= VD_VOCABULARY_MODELS_MAX);
    fuzz_holds(detections->cascade_count <= VD_VOCABULARY_MODELS_MAX);
    for (unsigned i = 0; i < detections->count; i++) {
        const vd_detection *d = &detections->item[i];
        fuzz_holds(vd_vocabulary_name(words, d->class_id) != NULL);
        fuzz_holds(d->parent < (int)i && !(d->passed_over >> detections->cascade_count));
        fuzz_holds(d->score >= 0 && d->score <= 1 && d->box.l >= 0 && d->box.w <= 1);
    }
    ++*pictures;
    return VD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    unsigned pictures = 0;
    vd_why why = { 0 };
    vd_err err =
        vd_history_parse(vd_slice_of(data, len), "fuzz", 0, INT64_MAX, on_picture, &pictures, &why);
    fuzz_holds(!err || why.fact[0] != '\0');
    return 0;
}
