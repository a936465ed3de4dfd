/* A JPEG: it becomes a frame whose every sample can be read, or an error with a fact. Claims of
 * more than a megapixel are left out here: they are slow, not different. */
#include "frames.h"
#include "fuzz.h"

static bool is_small(vd_slice jpeg)
{
    for (size_t i = 0; i + 8 < jpeg.len; i++) {
        const uint8_t *at = jpeg.data + i;
        bool frame = at[0] == 0xff && at[1] >= 0xc0 && at[1] <= 0xcf;
        if (frame && ((at[5] << 8 | at[6]) > 1024 || (at[7] << 8 | at[8]) > 1024)) return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_frame *frame = NULL;
    vd_why why;
    if (!is_small(vd_slice_of(data, len))) return 0;
    if (vd_frame_from_jpeg(vd_slice_of(data, len), &frame, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    const vd_picture *p = vd_frame_picture(frame);
    unsigned sum = 0;
    for (int i = 0; i < 3; i++) {
        int width = i ? (p->width_px + 1) / 2 : p->width_px;
        int height = i ? (p->height_px + 1) / 2 : p->height_px;
        for (int y = 0; y < height; y++) sum += p->plane[i][y * p->stride[i] + width - 1];
    }
    fuzz_holds(sum <= 255u * 3 * 1024);
    vd_frame_unref(frame);
    return 0;
}
