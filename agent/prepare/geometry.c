/* geometry.c - where a pixel of the prepared picture comes from. */
#include <math.h>

#include "prepare_priv.h"

#define LENS_TURNS 40

static void crop_bend(const double crop[4], vd_bend *b)
{
    double right = round(crop[2] * b->in_width), bottom = round(crop[3] * b->in_height);

    b->left = round(crop[0] * b->in_width);
    b->top = round(crop[1] * b->in_height);
    if (b->left > b->in_width - 1) b->left = b->in_width - 1;
    if (b->top > b->in_height - 1) b->top = b->in_height - 1;
    b->out_width = fmax(1, right - b->left);
    b->out_height = fmax(1, bottom - b->top);
}

static void rotate_bend(double degrees, vd_bend *b)
{
    static const double quarter[4][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
    double turns = degrees / 90;
    int whole = (int)turns;

    b->cosine = cos(degrees * (M_PI / 180));
    b->sine = sin(degrees * (M_PI / 180));
    if (turns > whole || turns < whole) return;
    b->cosine = quarter[whole % 4][0];
    b->sine = quarter[whole % 4][1];
    if (whole % 2 == 0) return;
    b->out_width = b->in_height;
    b->out_height = b->in_width;
}

vd_bend bend_of(const vd_step *step, double width, double height)
{
    vd_bend b = { .kind = step->kind,
                  .in_width = width,
                  .in_height = height,
                  .out_width = width,
                  .out_height = height };

    if (step->kind == VD_STEP_CROP) crop_bend(step->crop, &b);
    if (step->kind == VD_STEP_ROTATE) rotate_bend(step->degrees, &b);
    if (step->kind == VD_STEP_UNDISTORT) b.lens = step->lens;
    return b;
}

/* Where the lens has put what belongs at x, y. */
static void distort(const vd_lens *l, double *x, double *y)
{
    double a = (*x - l->center[0]) / l->focal[0], b = (*y - l->center[1]) / l->focal[1];
    double r2 = a * a + b * b;
    double radial = 1 + r2 * (l->k[0] + r2 * (l->k[1] + r2 * l->k[2]));
    double u = a * radial + 2 * l->p[0] * a * b + l->p[1] * (r2 + 2 * a * a);
    double v = b * radial + l->p[0] * (r2 + 2 * b * b) + 2 * l->p[1] * a * b;

    *x = u * l->focal[0] + l->center[0];
    *y = v * l->focal[1] + l->center[1];
}

void bend_back(const vd_bend *b, double *x, double *y)
{
    if (b->kind == VD_STEP_CROP) {
        *x = (b->left + *x * b->out_width) / b->in_width;
        *y = (b->top + *y * b->out_height) / b->in_height;
    } else if (b->kind == VD_STEP_ROTATE) {
        double across = (*x - 0.5) * b->out_width, down = (*y - 0.5) * b->out_height;
        *x = (b->cosine * across + b->sine * down) / b->in_width + 0.5;
        *y = (b->cosine * down - b->sine * across) / b->in_height + 0.5;
    } else if (b->kind == VD_STEP_UNDISTORT) {
        distort(&b->lens, x, y);
    }
}

void vd_prepared_back(const vd_prepared *prepared, double *x, double *y)
{
    for (unsigned i = prepared->bends; i-- > 0;) bend_back(&prepared->bend[i], x, y);
}

/* What the lens has put at x, y: the guess is moved by as much as it misses. */
static void straighten(const vd_lens *l, double *x, double *y)
{
    double u = *x, v = *y;

    for (int i = 0; i < LENS_TURNS; i++) {
        double a = u, b = v;
        distort(l, &a, &b);
        u += *x - a;
        v += *y - b;
    }
    *x = u;
    *y = v;
}

static void bend_on(const vd_bend *b, double *x, double *y)
{
    if (b->kind == VD_STEP_CROP) {
        *x = (*x * b->in_width - b->left) / b->out_width;
        *y = (*y * b->in_height - b->top) / b->out_height;
    } else if (b->kind == VD_STEP_ROTATE) {
        double across = (*x - 0.5) * b->in_width, down = (*y - 0.5) * b->in_height;
        *x = (b->cosine * across - b->sine * down) / b->out_width + 0.5;
        *y = (b->sine * across + b->cosine * down) / b->out_height + 0.5;
    } else if (b->kind == VD_STEP_UNDISTORT) {
        straighten(&b->lens, x, y);
    }
}

void vd_prepared_on(const vd_prepared *prepared, double *x, double *y)
{
    for (unsigned i = 0; i < prepared->bends; i++) bend_on(&prepared->bend[i], x, y);
}

/* How many tiles of `size` cover `whole` with that overlap. */
static int tiles_along(int whole, int size, double overlap)
{
    double step = fmax(1, size * (1 - overlap));

    if (size >= whole) return 1;
    return 1 + (int)ceil((whole - size) / step);
}

/* Spread evenly, so that the first and last touch the edges. */
static int tile_at(int index, int count, int whole, int size)
{
    return count < 2 ? 0 : (int)((int64_t)index * (whole - size) / (count - 1));
}

vd_err vd_chain_tiles(const vd_tiles *tiles, const vd_part_px *part,
                      vd_part_px ret_tiles[VD_TILES_MAX + 1], unsigned *ret_count, vd_why *why)
{
    int width = tiles->width_px < part->width ? tiles->width_px : part->width;
    int height = tiles->height_px < part->height ? tiles->height_px : part->height;
    int columns = tiles_along(part->width, width, tiles->overlap);
    int rows = tiles_along(part->height, height, tiles->overlap);
    unsigned count = 0;

    if ((int64_t)columns * rows > VD_TILES_MAX) {
        vd_fail(why, VD_INVALID, "a picture of %dx%d makes %lld tiles of %dx%d, more than %d",
                part->width, part->height, (long long)columns * rows, width, height, VD_TILES_MAX);
        vd_why_hint(why, "make the tiles larger, their overlap smaller, or crop the picture");
        return VD_INVALID;
    }
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            ret_tiles[count++] =
                (vd_part_px){ part->left + tile_at(column, columns, part->width, width),
                              part->top + tile_at(row, rows, part->height, height), width, height };
    if (tiles->whole && count > 1) ret_tiles[count++] = *part;
    *ret_count = count;
    return VD_OK;
}
