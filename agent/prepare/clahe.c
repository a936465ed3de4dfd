/* clahe.c - contrast made even, place by place: each tile spreads its own luma over the range, as
 * far as the limit allows, and a pixel takes a mean of the four nearest tiles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prepare_priv.h"

#define TILES_MAX  16
#define TILE_LEAST 8 /* pixels */
#define WIDTH_MAX  16384

typedef struct {
    float value[TILES_MAX][TILES_MAX][256];
    int columns, rows, low, high;
    uint8_t left[WIDTH_MAX], right[WIDTH_MAX];
    float share[WIDTH_MAX]; /* of the right one */
} clahe;

/* What is above the limit goes evenly to all. */
static void cut_off(unsigned histogram[256], unsigned limit)
{
    unsigned excess = 0;

    for (int i = 0; i < 256; i++) {
        if (histogram[i] <= limit) continue;
        excess += histogram[i] - limit;
        histogram[i] = limit;
    }
    unsigned each = excess / 256, left = excess % 256;
    for (unsigned i = 0; i < 256; i++)
        histogram[i] += each + (i * left / 256 < (i + 1) * left / 256);
}

static void fill_tile(clahe *c, int column, int row, const uint8_t *plane, int stride, int width,
                      int height, double limit)
{
    int left = column * width / c->columns, right = (column + 1) * width / c->columns;
    int top = row * height / c->rows, bottom = (row + 1) * height / c->rows;
    unsigned histogram[256] = { 0 }, pixels = (unsigned)((right - left) * (bottom - top)), seen = 0;
    double most = limit * pixels / 256;

    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) histogram[plane[(ptrdiff_t)y * stride + x]]++;
    cut_off(histogram, most < 1 ? 1 : (unsigned)most);
    for (int i = 0; i < 256; i++) {
        seen += histogram[i];
        c->value[row][column][i] =
            (float)c->low + (float)seen * (float)(c->high - c->low) / (float)pixels;
    }
}

/* Between the middles of which two tiles a pixel lies. */
static float between(int at, int size, int tiles, int *ret_first, int *ret_second)
{
    float place = ((float)at + 0.5f) * (float)tiles / (float)size - 0.5f;
    float first = floorf(place);

    *ret_first = first < 0 ? 0 : (int)first;
    *ret_second = (int)first + 1 < tiles ? (int)first + 1 : tiles - 1;
    return place - first;
}

static void fill_columns(clahe *c, int width)
{
    for (int x = 0; x < width; x++) {
        int left, right;
        c->share[x] = between(x, width, c->columns, &left, &right);
        c->left[x] = (uint8_t)left;
        c->right[x] = (uint8_t)right;
    }
}

static void spread_row(const clahe *c, int y, int width, int height, uint8_t *row)
{
    int top, bottom;
    float down = between(y, height, c->rows, &top, &bottom);

    for (int x = 0; x < width; x++) {
        float a = c->value[top][c->left[x]][row[x]], b = c->value[top][c->right[x]][row[x]];
        float d = c->value[bottom][c->left[x]][row[x]], e = c->value[bottom][c->right[x]][row[x]];
        float above = a + (b - a) * c->share[x], below = d + (e - d) * c->share[x];
        row[x] = (uint8_t)(above + (below - above) * down + 0.5f);
    }
}

static int tiles_along(int size, int tiles)
{
    int most = size / TILE_LEAST;

    return most < 1 ? 1 : most < tiles ? most : tiles;
}

bool clahe_plane(uint8_t *plane, int stride, int width, int height, bool full_range, double limit,
                 int tiles)
{
    clahe *c = malloc(sizeof *c);

    if (!c) return false;
    c->columns = tiles_along(width, tiles);
    c->rows = tiles_along(height, tiles);
    c->low = full_range ? 0 : 16;
    c->high = full_range ? 255 : 235;
    for (int row = 0; row < c->rows; row++)
        for (int column = 0; column < c->columns; column++)
            fill_tile(c, column, row, plane, stride, width, height, limit);
    fill_columns(c, width);
    for (int y = 0; y < height; y++) spread_row(c, y, width, height, plane + (ptrdiff_t)y * stride);
    free(c);
    return true;
}
