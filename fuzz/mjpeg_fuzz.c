/* A stream of anything: the JPEGs in it come out the same however the bytes were cut, and each of
 * them is one by itself. */
#include "fuzz.h"
#include "jpegs.h"

enum { LIMIT = 8192, COUNT_MAX = 64 };

typedef struct {
    size_t len[COUNT_MAX];
    unsigned count;
    vd_err end;
} seen;

static void whole_by_itself(vd_slice picture)
{
    jpeg_walk walk = { 0 };
    size_t len = 0;
    fuzz_holds(picture.len >= 4 && picture.len <= LIMIT);
    fuzz_holds(jpeg_walk_on(&walk, picture, &len) == JPEG_WHOLE);
    fuzz_holds(len == picture.len);
}

static seen read_in_steps(vd_slice bytes, size_t step)
{
    jpeg_cutter cutter = JPEG_CUTTER(LIMIT);
    seen result = { .end = VD_RETRY };
    while (result.end == VD_RETRY && bytes.len > 0) {
        const vd_slice piece = vd_slice_of(bytes.data, bytes.len < step ? bytes.len : step);
        vd_slice picture;
        bytes = vd_slice_from(bytes, piece.len);
        jpeg_cutter_add(&cutter, piece);
        while ((result.end = jpeg_cutter_next(&cutter, &picture)) == VD_OK) {
            whole_by_itself(picture);
            if (result.count < COUNT_MAX) result.len[result.count] = picture.len;
            result.count++;
        }
    }
    jpeg_cutter_done(&cutter);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const vd_slice bytes = vd_slice_of(data, len < LIMIT ? len : LIMIT);
    const seen whole = read_in_steps(bytes, LIMIT), cut = read_in_steps(bytes, 7);
    fuzz_holds(whole.count == cut.count);
    for (unsigned i = 0; i < whole.count && i < COUNT_MAX; i++)
        fuzz_holds(whole.len[i] == cut.len[i]);
    return 0;
}
