/* A PNG or BMP (or JPEG): a frame whose samples can be read, or an error with a fact. Claims of
 * more than a megapixel are left out here: they are slow, not different. */
#include "frames.h"
#include "fuzz.h"

static uint32_t big(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t little(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static bool is_small(const uint8_t *data, size_t len)
{
    if (len < 26 || data[0] == 0xff) return data == NULL || len < 26;
    bool png = data[0] == 0x89;
    uint32_t width = png ? big(data + 16) : little(data + 18);
    uint32_t height = png ? big(data + 20) : little(data + 22);
    if (height > 0x80000000u) height = -height;
    return width <= 1024 && height <= 1024;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_frame *frame = NULL;
    vd_why why = { 0 };
    if (!is_small(data, len)) return 0;
    if (vd_frame_from_image(vd_slice_of(data, len), &frame, &why)) {
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
