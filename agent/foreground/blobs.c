/* From still cells to blobs. */
#include <math.h>
#include <string.h>

#include "foreground_priv.h"

#define SAME      0.3f  /* overlap of two boxes of one blob */
#define EDGE_MORE 1.15f /* of the edges on one side: it is theirs */

typedef struct {
    unsigned cells;
    int left, top, right, bottom;
    double age_s, edge_now, edge_back;
} patch;

static bool is_still(const vd_foreground *f, int i, float offset)
{
    const cell *c = &f->cell[i];
    return c->known && c->age_s >= STILL_S && fabsf(c->now - c->back - offset) >= cell_band(c);
}

static unsigned neighbours(const uint8_t *mask, int x, int y, int height)
{
    unsigned count = 0;
    for (int k = y - 1; k <= y + 1; k++)
        for (int i = x - 1; i <= x + 1; i++)
            if (i >= 0 && k >= 0 && i < WIDTH && k < height && (i != x || k != y))
                count += mask[k * WIDTH + i];
    return count;
}

/* Small holes are closed, single cells fall out. label: 1 still, 0 not. */
static void mark(vd_foreground *f, float offset)
{
    for (int i = 0; i < WIDTH * f->height; i++) f->still[i] = is_still(f, i, offset);
    for (int y = 0; y < f->height; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int i = y * WIDTH + x;
            unsigned around = neighbours(f->still, x, y, f->height);
            f->label[i] = f->still[i] ? around >= 2 : around >= 5;
        }
    }
}

static float slope(const vd_foreground *f, int x, int y, bool back)
{
    float value[4];
    const int at[4] = { y * WIDTH + (x > 0 ? x - 1 : x), y * WIDTH + (x + 1 < WIDTH ? x + 1 : x),
                        (y > 0 ? y - 1 : y) * WIDTH + x,
                        (y + 1 < f->height ? y + 1 : y) * WIDTH + x };
    for (int i = 0; i < 4; i++) {
        const cell *c = &f->cell[at[i]];
        value[i] = back || c->age_s < STILL_S ? c->back : c->now;
    }
    return fabsf(value[1] - value[0]) + fabsf(value[3] - value[2]);
}

static void take(vd_foreground *f, patch *p, int i)
{
    int x = i % WIDTH, y = i / WIDTH;
    if (x < p->left) p->left = x;
    if (x > p->right) p->right = x;
    if (y < p->top) p->top = y;
    if (y > p->bottom) p->bottom = y;
    p->cells++;
    p->age_s += (double)f->cell[i].age_s;
    if (neighbours(f->still, x, y, f->height) == 8) return;
    p->edge_now += (double)slope(f, x, y, false);
    p->edge_back += (double)slope(f, x, y, true);
}

/* All cells that touch this one; they are unmarked. */
static patch flood(vd_foreground *f, int start)
{
    patch p = { .left = WIDTH, .top = HEIGHT, .right = -1, .bottom = -1 };
    unsigned depth = 0;
    f->stack[depth++] = (uint16_t)start;
    f->label[start] = 0;
    while (depth) {
        int i = f->stack[--depth], x = i % WIDTH, y = i / WIDTH;
        take(f, &p, i);
        for (int k = 0; k < 9; k++) {
            int nx = x + k % 3 - 1, ny = y + k / 3 - 1;
            if (nx < 0 || ny < 0 || nx >= WIDTH || ny >= f->height) continue;
            if (!f->label[ny * WIDTH + nx]) continue;
            f->label[ny * WIDTH + nx] = 0;
            f->stack[depth++] = (uint16_t)(ny * WIDTH + nx);
        }
    }
    return p;
}

static float overlap(const vd_still *a, const vd_still *b)
{
    float w = fminf(a->l + a->w, b->l + b->w) - fmaxf(a->l, b->l);
    float h = fminf(a->t + a->h, b->t + b->h) - fmaxf(a->t, b->t);
    if (w <= 0 || h <= 0) return 0;
    return w * h / (a->w * a->h + b->w * b->h - w * h);
}

/* The same blob as before keeps its id, its beginning and what it is. */
static void name(vd_foreground *f, vd_still *blob, vd_stills *old)
{
    int best = -1;
    float most = SAME;
    for (unsigned i = 0; i < old->count; i++) {
        float same = old->item[i].id ? overlap(blob, &old->item[i]) : 0;
        if (same < most) continue;
        most = same;
        best = (int)i;
    }
    if (best < 0) {
        blob->id = ++f->last_id;
        return;
    }
    blob->id = old->item[best].id;
    blob->removed = old->item[best].removed;
    if (old->item[best].since_us < blob->since_us) blob->since_us = old->item[best].since_us;
    old->item[best].id = 0;
}

void blobs_find(vd_foreground *f, float offset)
{
    vd_stills old = f->blobs;
    f->blobs.count = 0;
    mark(f, offset);
    for (int i = 0; i < WIDTH * f->height && f->blobs.count < VD_STILLS_MAX; i++) {
        if (!f->label[i]) continue;
        patch p = flood(f, i);
        if (p.cells < BLOB_LEAST) continue;
        float height = (float)f->height;
        vd_still blob = { .l = (float)p.left / WIDTH,
                          .t = (float)p.top / height,
                          .w = (float)(p.right - p.left + 1) / WIDTH,
                          .h = (float)(p.bottom - p.top + 1) / height,
                          .area = (float)p.cells / (WIDTH * height),
                          .removed = p.edge_back > (double)EDGE_MORE * p.edge_now,
                          .since_us = f->utc_us - (int64_t)(p.age_s / p.cells * 1e6) };
        name(f, &blob, &old);
        f->blobs.item[f->blobs.count++] = blob;
    }
}
