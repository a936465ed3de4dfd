/* values.c - light and noise. */
#include <math.h>

#include "prepare_priv.h"

#define WIDTH_MAX 16384

void light_table(const vd_step *step, bool full_range, uint8_t ret_table[256])
{
    double low = full_range ? 0 : 16, range = full_range ? 255 : 219;

    for (int i = 0; i < 256; i++) {
        double v = (i - low) / range;
        v = (v - 0.5) * step->light.contrast + 0.5 + step->light.brightness;
        v = v < 0 ? 0 : v > 1 ? 1 : v;
        ret_table[i] = (uint8_t)lround(pow(v, step->light.gamma) * range + low);
    }
}

/* Adds what of `row`, shifted, is near enough to `own`. */
static void add_near(const uint8_t *own, const uint8_t *row, int from, int to, int shift,
                     int strength, uint16_t *sum, uint16_t *count)
{
    for (int x = from; x < to; x++) {
        int value = row[x + shift], away = value - own[x];
        uint16_t near = (uint16_t)(away <= strength && -away <= strength);
        sum[x] = (uint16_t)(sum[x] + near * value);
        count[x] = (uint16_t)(count[x] + near);
    }
}

static void denoise_row(const uint8_t *from, int stride, int width, int height, int y, int radius,
                        int strength, uint8_t *into)
{
    static _Thread_local uint16_t sum[WIDTH_MAX], count[WIDTH_MAX];
    const uint8_t *own = from + (ptrdiff_t)y * stride;

    for (int x = 0; x < width; x++) sum[x] = count[x] = 0;
    for (int down = -radius; down <= radius; down++) {
        if (y + down < 0 || y + down >= height) continue;
        const uint8_t *row = own + (ptrdiff_t)down * stride;
        for (int shift = -radius; shift <= radius; shift++)
            add_near(own, row, shift < 0 ? -shift : 0, shift > 0 ? width - shift : width, shift,
                     strength, sum, count);
    }
    for (int x = 0; x < width; x++) /* exact: the quotient is never nearer to a whole than 1/50 */
        into[x] = (uint8_t)((float)(2 * sum[x] + count[x]) / (float)(2 * count[x]));
}

void denoise_plane(const uint8_t *from, int stride, int width, int height, int radius, int strength,
                   uint8_t *into, int into_stride)
{
    for (int y = 0; y < height; y++)
        denoise_row(from, stride, width, height, y, radius, strength,
                    into + (ptrdiff_t)y * into_stride);
}
