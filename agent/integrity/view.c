/* view.c - a picture becomes 160 x 90 cells of light and edges, and is compared with another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "integrity_priv.h"

#define LINES_A_CELL   4
#define HASH_LINES     96
#define STRUCTURE      2.0f /* mean edge of a block that shows something */
#define STRUCTURE_LOST 0.3f
#define SAME           0.4 /* correlation of a block's edges */
#define WHITE          250

static float cell_light(const vd_picture *p, int x0, int x1, int y0, int y1)
{
    int step = (y1 - y0 + LINES_A_CELL - 1) / LINES_A_CELL;
    uint32_t sum = 0, count = 0;
    for (int y = y0; y < y1; y += step) {
        const uint8_t *line = p->plane[0] + (ptrdiff_t)y * p->stride[0];
        for (int x = x0; x < x1; x++) sum += line[x];
        count += (uint32_t)(x1 - x0);
    }
    float light = (float)sum / (float)count;
    if (!p->full_range) light = (light - 16) * (255.0f / 219);
    return fminf(fmaxf(light, 0), 255);
}

static void take_light(const vd_picture *p, float *tone)
{
    for (int j = 0; j < VIEW_H; j++) {
        int y0 = (int)((int64_t)j * p->height_px / VIEW_H);
        int y1 = (int)((int64_t)(j + 1) * p->height_px / VIEW_H);
        for (int i = 0; i < VIEW_W; i++) {
            int x0 = (int)((int64_t)i * p->width_px / VIEW_W);
            int x1 = (int)((int64_t)(i + 1) * p->width_px / VIEW_W);
            tone[j * VIEW_W + i] =
                cell_light(p, x0, x1 > x0 ? x1 : x0 + 1, y0, y1 > y0 ? y1 : y0 + 1);
        }
    }
}

static void take_edges(const float *tone, float *edge)
{
    static const int inside = 2;
    float raw[VIEW_CELLS] = { 0 };
    for (int y = 1; y < VIEW_H - 1; y++)
        for (int x = 1; x < VIEW_W - 1; x++) {
            const float *at = &tone[y * VIEW_W + x];
            raw[y * VIEW_W + x] = fabsf(at[1] - at[-1]) + fabsf(at[VIEW_W] - at[-VIEW_W]);
        }
    memset(edge, 0, VIEW_CELLS * sizeof *edge);
    for (int y = inside; y < VIEW_H - inside; y++)
        for (int x = inside; x < VIEW_W - inside; x++) {
            float sum = 0;
            for (int k = -1; k <= 1; k++) {
                const float *at = &raw[(y + k) * VIEW_W + x];
                sum += at[-1] + at[0] + at[1];
            }
            edge[y * VIEW_W + x] = sum / 9;
        }
}

/* Every eighth line is enough. */
static double take_colour(const vd_picture *p)
{
    int64_t sum = 0, count = 0;
    for (int plane = 1; plane <= 2; plane++)
        for (int y = 0; y < p->height_px / 2; y += 8) {
            const uint8_t *line = p->plane[plane] + (ptrdiff_t)y * p->stride[plane];
            for (int x = 0; x < p->width_px / 2; x += 2) sum += abs(line[x] - 128);
            count += (p->width_px / 2 + 1) / 2;
        }
    return count ? (double)sum / (double)count : 0;
}

static uint64_t take_bits(const vd_picture *p)
{
    uint64_t hash = 1469598103934665603u;
    int step = p->height_px > HASH_LINES ? p->height_px / HASH_LINES : 1;
    for (int y = step / 2; y < p->height_px; y += step) {
        const uint8_t *line = p->plane[0] + (ptrdiff_t)y * p->stride[0];
        for (int x = 0; x + 8 <= p->width_px; x += 8) {
            uint64_t word;
            memcpy(&word, line + x, sizeof word);
            hash = (hash ^ word) * 1099511628211u;
            hash ^= hash >> 29;
        }
    }
    return hash;
}

void view_edges(view *v)
{
    take_edges(v->tone, v->edge);
}

void view_take(const vd_frame *frame, view *into)
{
    const vd_picture *p = vd_frame_picture(frame);
    take_light(p, into->tone);
    view_edges(into);
    into->colour = take_colour(p);
    /* Half the light has a quarter of the edges' variance: that alone is no blur. */
    vd_look look = vd_frame_look(frame);
    into->sharpness = look.sharpness / (look.contrast * look.contrast + 1);
    into->bits = take_bits(p);
}

view_light view_measure(const view *v)
{
    unsigned count[256] = { 0 }, below = 0, white = 0;
    double sum = 0, sum2 = 0;
    view_light light = { .most = 255, .usual_most = 255 };
    for (unsigned i = 0; i < VIEW_CELLS; i++) {
        double tone = (double)v->tone[i];
        sum += tone;
        sum2 += tone * tone;
        count[(unsigned)tone & 255]++;
        white += tone >= WHITE;
    }
    for (unsigned i = 0; i < 256; i++) {
        below += count[i];
        if (light.usual_most > 254 && below >= VIEW_CELLS * 0.95) light.usual_most = i;
        if (below >= VIEW_CELLS * 0.99) {
            light.most = i;
            break;
        }
    }
    double mean = sum / VIEW_CELLS, spread2 = sum2 / VIEW_CELLS - mean * mean;
    light.spread = spread2 > 0 ? sqrt(spread2) : 0;
    light.white = (double)white / VIEW_CELLS;
    return light;
}

/* Of a part; 0 where one of the two is flat. */
static double correlation(const float *a, const float *b, int width, int height)
{
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, n = (double)width * height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double va = (double)a[y * VIEW_W + x], vb = (double)b[y * VIEW_W + x];
            sa += va;
            sb += vb;
            saa += va * va;
            sbb += vb * vb;
            sab += va * vb;
        }
    double da = saa - sa * sa / n, db = sbb - sb * sb / n;
    return da > 1e-6 && db > 1e-6 ? (sab - sa * sb / n) / sqrt(da * db) : 0;
}

static float block_edge(const float *edge)
{
    float sum = 0;
    for (int y = 0; y < BLOCK_H; y++)
        for (int x = 0; x < BLOCK_W; x++) sum += edge[y * VIEW_W + x];
    return sum / (BLOCK_W * BLOCK_H);
}

view_match view_compare(const view *reference, const view *now)
{
    view_match m = { .tone = correlation(reference->tone, now->tone, VIEW_W, VIEW_H) };
    unsigned matched = 0, lost = 0;
    for (int k = 0; k < BLOCKS; k++) {
        int at = k / (VIEW_W / BLOCK_W) * BLOCK_H * VIEW_W + k % (VIEW_W / BLOCK_W) * BLOCK_W;
        float before = block_edge(&reference->edge[at]);
        if (before < STRUCTURE) continue;
        m.blocks++;
        lost += block_edge(&now->edge[at]) < STRUCTURE_LOST * before;
        matched += correlation(&reference->edge[at], &now->edge[at], BLOCK_W, BLOCK_H) >= SAME;
    }
    if (m.blocks) {
        m.matched = (double)matched / m.blocks;
        m.lost = (double)lost / m.blocks;
    }
    return m;
}

void view_change(const float *before, const view *now, double *ret_mean, double *ret_most)
{
    double sum = 0, most = 0;
    for (unsigned i = 0; i < VIEW_CELLS; i++) {
        double change = fabs((double)now->tone[i] - (double)before[i]);
        sum += change;
        if (change > most) most = change;
    }
    *ret_mean = sum / VIEW_CELLS;
    *ret_most = most;
}

void view_learn(view *reference, const view *now, double share)
{
    for (unsigned i = 0; i < VIEW_CELLS; i++) {
        reference->tone[i] += (float)share * (now->tone[i] - reference->tone[i]);
        reference->edge[i] += (float)share * (now->edge[i] - reference->edge[i]);
    }
    reference->sharpness += share * (now->sharpness - reference->sharpness);
}
