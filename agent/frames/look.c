/* look.c - brightness, contrast, sharpness and colour of a picture.
 *
 * Sharpness needs true neighbours: a picture that was made smaller first cannot tell a slight blur.
 * So whole lines are looked at, but only some of them. Integers inside, in runs that the compiler
 * turns into vector code. */
#include <math.h>

#include "frames.h"

#define LINES_ABOUT 96
#define RUN_PX      2048 /* 2048 * 1020^2 fits into 32 bits */
/* Clang does so by itself, and knows no such word. */
#ifdef __clang__
#define VECTORISE
#else
#define VECTORISE __attribute__((optimize("O3")))
#endif

typedef struct {
    uint64_t pixels, sum, sum2;
    uint64_t inner, edges2; /* pixels with four neighbours, their squared Laplacians */
    int64_t edges;
} luma_sums;

VECTORISE static void add_luma(const uint8_t *restrict line, int count, luma_sums *into)
{
    uint32_t sum = 0, sum2 = 0;
    for (int x = 0; x < count; x++) {
        uint32_t y = line[x];
        sum += y;
        sum2 += y * y;
    }
    into->pixels += (uint64_t)count;
    into->sum += sum;
    into->sum2 += sum2;
}

/* `line` points at the first pixel that has a left neighbour. */
VECTORISE static void add_edges(const uint8_t *restrict above, const uint8_t *restrict line,
                                const uint8_t *restrict below, int count, luma_sums *into)
{
    int32_t sum = 0;
    uint32_t sum2 = 0;
    for (int x = 0; x < count; x++) {
        int32_t edge = 4 * line[x] - line[x - 1] - line[x + 1] - above[x] - below[x];
        sum += edge;
        sum2 += (uint32_t)(edge * edge);
    }
    into->inner += (uint64_t)count;
    into->edges += sum;
    into->edges2 += sum2;
}

static void look_at_luma(const vd_picture *p, luma_sums *into)
{
    int step = p->height_px > LINES_ABOUT ? p->height_px / LINES_ABOUT : 1;
    int inner = p->width_px - 2;
    for (int y = step / 2; y < p->height_px; y += step) {
        const uint8_t *line = p->plane[0] + (ptrdiff_t)y * p->stride[0];
        for (int x = 0; x < p->width_px; x += RUN_PX)
            add_luma(line + x, p->width_px - x < RUN_PX ? p->width_px - x : RUN_PX, into);
        if (y < 1 || y + 1 >= p->height_px) continue;
        for (int x = 0; x < inner; x += RUN_PX)
            add_edges(line - p->stride[0] + 1 + x, line + 1 + x, line + p->stride[0] + 1 + x,
                      inner - x < RUN_PX ? inner - x : RUN_PX, into);
    }
}

typedef struct {
    uint64_t pixels, u, v;
    double distance;
} chroma_sums;

static void look_at_chroma(const vd_picture *p, chroma_sums *into)
{
    int width = (p->width_px + 1) / 2, height = (p->height_px + 1) / 2;
    int step = height > LINES_ABOUT / 2 ? height / (LINES_ABOUT / 2) : 1;
    for (int y = step / 2; y < height; y += step) {
        const uint8_t *u = p->plane[1] + (ptrdiff_t)y * p->stride[1];
        const uint8_t *v = p->plane[2] + (ptrdiff_t)y * p->stride[2];
        float distance = 0;
        for (int x = 0; x < width; x += 4) {
            float du = (float)u[x] - 128, dv = (float)v[x] - 128;
            into->u += u[x];
            into->v += v[x];
            into->pixels++;
            distance += sqrtf(du * du + dv * dv);
        }
        into->distance += (double)distance;
    }
}

static double variance(double count, double sum, double sum2)
{
    double mean = sum / count, spread = sum2 / count - mean * mean;
    return spread > 0 ? spread : 0;
}

vd_look vd_frame_look(const vd_frame *frame)
{
    const vd_picture *p = vd_frame_picture(frame);
    luma_sums l = { 0 };
    chroma_sums c = { 0 };
    vd_look look = { 0 };
    /* Studio range holds 219 steps of luma and 224 of chroma. */
    double luma_scale = p->full_range ? 1 : 255.0 / 219, black = p->full_range ? 0 : 16;
    double chroma_scale = p->full_range ? 1 : 255.0 / 224;

    look_at_luma(p, &l);
    look_at_chroma(p, &c);
    if (!l.pixels || !c.pixels) return look;
    look.brightness = ((double)l.sum / (double)l.pixels - black) * luma_scale;
    look.brightness = fmin(fmax(look.brightness, 0), 255);
    look.contrast = sqrt(variance((double)l.pixels, (double)l.sum, (double)l.sum2)) * luma_scale;
    if (l.inner)
        look.sharpness =
            variance((double)l.inner, (double)l.edges, (double)l.edges2) * luma_scale * luma_scale;
    look.saturation = c.distance / (double)c.pixels * chroma_scale;
    look.colour_u = ((double)c.u / (double)c.pixels - 128) * chroma_scale;
    look.colour_v = ((double)c.v / (double)c.pixels - 128) * chroma_scale;
    return look;
}
