/* chain_back.c - from a prepared picture to its source. What a rotation or a lens makes of a box is
 * no box: the smallest that holds its corners and the middles of its sides takes its place. */
#include "model_priv.h"

#include <math.h>
#include <string.h>

#define GRID  VD_SIDE_GRID
#define SHARP 3 /* samples along each side of a cell */

static float inside(double value)
{
    return (float)fmin(1, fmax(0, value));
}

static vd_box box_back(const vd_prepared *p, const vd_box *box)
{
    double l = INFINITY, t = INFINITY, r = -INFINITY, b = -INFINITY;

    for (int i = 0; i < 9; i++) {
        int across = i % 3, down = i / 3;
        double x = (double)box->l + (double)box->w * across / 2;
        double y = (double)box->t + (double)box->h * down / 2;
        vd_prepared_back(p, &x, &y);
        if (!isfinite(x + y)) continue;
        l = fmin(l, x);
        r = fmax(r, x);
        t = fmin(t, y);
        b = fmax(b, y);
    }
    float left = inside(l), top = inside(t);
    return (vd_box){ left, top, inside(r) - left, inside(b) - top };
}

static void points_back(const vd_prepared *p, float *numbers, unsigned count)
{
    for (unsigned i = 0; i + 2 < count; i += 3) {
        double x = (double)numbers[i], y = (double)numbers[i + 1];
        vd_prepared_back(p, &x, &y);
        numbers[i] = inside(x);
        numbers[i + 1] = inside(y);
    }
}

static int cell_of(double at, float from, float size)
{
    int cell = (int)((at - (double)from) / (double)size * GRID);

    return cell < 0 ? 0 : cell >= GRID ? GRID - 1 : cell;
}

/* Each cell is thrown, in nine pieces, to where it belongs in the new box. */
static void cells_back(const vd_prepared *p, const vd_box *old, const vd_box *new, float *numbers)
{
    float sum[GRID * GRID] = { 0 };
    unsigned count[GRID * GRID] = { 0 };

    if (!(new->w > 0 && new->h > 0)) return;
    for (int i = 0; i < GRID * SHARP * GRID * SHARP; i++) {
        int column = i % (GRID * SHARP), row = i / (GRID * SHARP);
        double x = (double)old->l + (double)old->w * (column + 0.5) / (GRID * SHARP);
        double y = (double)old->t + (double)old->h * (row + 0.5) / (GRID * SHARP);
        vd_prepared_back(p, &x, &y);
        if (!isfinite(x + y)) continue;
        int to = cell_of(y, new->t, new->h) * GRID + cell_of(x, new->l, new->w);
        sum[to] += numbers[row / SHARP * GRID + column / SHARP];
        count[to]++;
    }
    for (int i = 0; i < GRID * GRID; i++) numbers[i] = count[i] ? sum[i] / (float)count[i] : 0;
}

void chain_back(const vd_prepared *p, vd_detections *found)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < found->count; i++) {
        vd_detection d = found->item[i];
        vd_box old = d.box;
        float *numbers = found->side + d.side_at;
        bool cells =
            (d.side == VD_SIDE_MASK || d.side == VD_SIDE_MAP) && d.side_count == GRID * GRID;
        d.box = box_back(p, &old);
        if (!(d.box.w > 0 && d.box.h > 0)) continue; /* in the grey beside the picture */
        if (d.side == VD_SIDE_POINTS) points_back(p, numbers, d.side_count);
        if (cells) cells_back(p, &old, &d.box, numbers);
        found->item[kept++] = d;
    }
    found->count = kept;
}
