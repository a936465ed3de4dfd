/* align.c - do two views lie on each other, whatever lights them? Infrared makes leaves white and
 * writing vanish, a lamp turns a shadow's edge round; where edges are and which way they run is
 * what remains. A structure tensor per cell says it, its angle doubled, so that both sides of an
 * edge say the same; noise, which runs every way, comes out short. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "integrity_priv.h"

#define NOISE   12.0f /* squared steps of light that are no edge */
#define REACH_X 10    /* cells; an eighth of the view */
#define REACH_Y 7
#define NEAR    2
/* Measured (docs/integrity.md): the same view by infrared agrees with 0.09 and more, 1.27 times as
 * well as with itself shifted far; a view that was turned, 0.9 times as well at most. */
#define LEAST     0.08
#define NEAR_BEST 0.8
#define FAR_BEST  1.2

/* In 80 x 45 cells: an angle that is the same for an edge from light to dark and from dark to
 * light, as a vector of length 0 (no edge, or edges every way) to 1. */
#define ALONG_W (VIEW_W / 2)
#define ALONG_H (VIEW_H / 2)
typedef struct {
    float x[ALONG_W * ALONG_H], y[ALONG_W * ALONG_H];
} along;

typedef struct {
    float xx, yy, xy;
} tensor;

/* Of the 2 x 2 light cells of a cell. */
static tensor tensor_at(const float *tone, int cell_x, int cell_y)
{
    tensor t = { 0 };
    for (int y = 2 * cell_y; y < 2 * cell_y + 2; y++)
        for (int x = 2 * cell_x; x < 2 * cell_x + 2; x++) {
            if (x < 1 || y < 1 || x >= VIEW_W - 1 || y >= VIEW_H - 1) continue;
            const float *at = &tone[y * VIEW_W + x];
            const float gx = at[1] - at[-1], gy = at[VIEW_W] - at[-VIEW_W];
            t.xx += gx * gx;
            t.yy += gy * gy;
            t.xy += gx * gy;
        }
    return t;
}

/* Of the cell and a little of those beside it. */
static tensor smear(const tensor *row, int x, float weight, tensor sum)
{
    for (int at = x - 1; at <= x + 1; at++) {
        if (at < 0 || at >= ALONG_W) continue;
        const float share = weight * (at == x ? 0.7f : 0.15f);
        sum.xx += share * row[at].xx;
        sum.yy += share * row[at].yy;
        sum.xy += share * row[at].xy;
    }
    return sum;
}

static void along_take(const float *tone, along *into)
{
    tensor row[3][ALONG_W] = { 0 }; /* above, here, below */
    for (int y = -1; y < ALONG_H; y++) {
        memmove(row[0], row[1], 2 * sizeof row[0]);
        for (int x = 0; x < ALONG_W; x++)
            row[2][x] = y + 1 < ALONG_H ? tensor_at(tone, x, y + 1) : (tensor){ 0 };
        for (int x = 0; y >= 0 && x < ALONG_W; x++) {
            tensor t = smear(row[0], x, 0.15f, (tensor){ 0 });
            t = smear(row[2], x, 0.15f, smear(row[1], x, 0.7f, t));
            const float whole = t.xx + t.yy + NOISE;
            into->x[y * ALONG_W + x] = (t.xx - t.yy) / whole;
            into->y[y * ALONG_W + x] = 2 * t.xy / whole;
        }
    }
}

/* How much the ways agree, -1..1, when `now` has moved by so many cells. */
static double agreement(const along *reference, const along *now, int by_x, int by_y)
{
    float both = 0, mine = 0, other = 0;
    for (int y = 0; y < ALONG_H; y++) {
        if (y + by_y < 0 || y + by_y >= ALONG_H) continue;
        const int from = by_x < 0 ? -by_x : 0, to = by_x > 0 ? ALONG_W - by_x : ALONG_W;
        const float *rx = &reference->x[y * ALONG_W], *ry = &reference->y[y * ALONG_W];
        const int row = (y + by_y) * ALONG_W + by_x;
        for (int x = from; x < to; x++) {
            const float nx = now->x[row + x], ny = now->y[row + x];
            both += rx[x] * nx + ry[x] * ny;
            mine += rx[x] * rx[x] + ry[x] * ry[x];
            other += nx * nx + ny * ny;
        }
    }
    return mine > 1 && other > 1 ? (double)both / sqrt((double)mine * (double)other) : 0;
}

static bool lies_here(const along *reference, const along *now)
{
    const double here = agreement(reference, now, 0, 0);

    if (here < LEAST) return false;
    for (int y = -REACH_Y; y <= REACH_Y; y++)
        for (int x = -REACH_X; x <= REACH_X; x++) {
            const bool near = abs(x) <= NEAR && abs(y) <= NEAR;
            const double there = agreement(reference, now, x, y);
            if (there * (near ? NEAR_BEST : FAR_BEST) > here) return false;
        }
    return true;
}

bool view_same(const float *reference_tone, const float *now_tone)
{
    along reference, now;

    along_take(reference_tone, &reference);
    along_take(now_tone, &now);
    return lies_here(&reference, &now);
}
