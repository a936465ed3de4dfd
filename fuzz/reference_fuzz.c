/* Reference pictures: what is read is written and reads as the same; comparing never fails on what
 * was read, and a model that sees what it should passes. */
#include "fuzz.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(8 << 20);
    VD_AUTO(vd_buf) text = VD_BUF(4 << 20);
    vd_reference r, again;
    vd_why why = { 0 };

    if (!arena || vd_reference_read(vd_slice_of(data, len), arena, &r, &why)) return 0;
    fuzz_holds(r.picture_count >= 1 && r.picture_count <= VD_REFERENCE_PICTURES_MAX);
    for (unsigned n = 0; n < r.picture_count; n++) {
        const vd_reference_picture *p = &r.pictures[n];
        fuzz_holds(p->jpeg.len > 0);
        vd_err err = vd_reference_compare(&r, n, NULL, 0, &why);
        fuzz_holds(err == VD_OK || err == VD_CORRUPT);
        err = vd_reference_compare(&r, n, p->boxes, p->box_count, &why);
        fuzz_holds(err == VD_OK || err == VD_CORRUPT); /* boxes without extent overlap nothing */
    }
    if (vd_reference_write(&r, &text)) return 0;
    fuzz_holds(vd_reference_read(vd_buf_slice(&text), arena, &again, &why) == VD_OK);
    fuzz_holds(again.picture_count == r.picture_count);
    return 0;
}
