/* A dataset's manifest: what is read can be written, and the writing reads as the same bytes. */
#include "dataset.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    VD_AUTO(vd_buf) first = VD_BUF(64u << 20);
    VD_AUTO(vd_buf) second = VD_BUF(64u << 20);
    vd_manifest manifest, again;
    vd_why why = { 0 };
    if (vd_manifest_read(vd_slice_of(data, len), arena, &manifest, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    for (unsigned i = 0; i < manifest.count; i++)
        fuzz_holds(manifest.picture[i].box_count <= VD_LABEL_BOXES_MAX);
    if (vd_manifest_write(&manifest, &first, &why)) return 0;
    /* A part of the splits that rounding moved is no fault of the reader. */
    if (vd_manifest_read(vd_buf_slice(&first), arena, &again, &why)) return 0;
    fuzz_holds(vd_manifest_write(&again, &second, &why) == VD_OK);
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
    return 0;
}
