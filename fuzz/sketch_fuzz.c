/* A camera's window of sketches as a device tells it: what is refused is refused in words, and
 * each sketch reads again from its own writing, merges with itself, and has finite figures. */
#include <math.h>

#include "fuzz.h"
#include "vd/sketch.h"
#include "watch.h"

static void write_again(const vd_sketch *sketch)
{
    VD_AUTO(vd_buf) text = VD_BUF(16384);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_sketch again, twice = { 0 };
    vd_json_w w = vd_json_writer(&text);
    vd_sketch_write(sketch, &w);
    fuzz_holds(vd_json_w_end(&w) == VD_OK);
    fuzz_holds(vd_json_parse(vd_buf_slice(&text), 16384, 8, &root, NULL) == VD_OK);
    if (vd_sketch_read(root, &again, NULL)) return; /* edges that rounding made equal */
    fuzz_holds(again.count == sketch->count && again.sum == sketch->sum);
    fuzz_holds(vd_sketch_merge(&twice, &again) == VD_OK);
    fuzz_holds(vd_sketch_merge(&twice, &again) == VD_OK);
    fuzz_holds(twice.count == 2 * again.count && twice.sum == 2 * again.sum);
    fuzz_holds(isfinite(vd_sketch_mean(&twice)) && isfinite(vd_sketch_sd(&twice)));
}

static void read_sketches(const vd_json *series)
{
    if (vd_json_kind_of(series) != VD_JSON_IS_OBJECT) return;
    for (size_t i = 0; i < vd_json_len(series); i++) {
        const char *key = NULL;
        vd_sketch sketch;
        if (!vd_sketch_read(vd_json_member(series, i, &key), &sketch, NULL)) write_again(&sketch);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_why why = { 0 };
    if (vd_watch_check("yard", vd_slice_of(data, len), &why)) fuzz_holds(why.fact[0] != '\0');
    if (!vd_json_parse(vd_slice_of(data, len), 16384, 32, &root, NULL))
        read_sketches(vd_json_get(root, "series"));
    return 0;
}
