/* warp.c - all bends in one pass. Where a pixel comes from is worked out exactly at every eighth
 * pixel of a row and drawn as a line between; a lens bends eight pixels by less than a tenth. */
#include <math.h>

#include "prepare_priv.h"

#define RUN  8   /* pixels */
#define GREY 128 /* luma and chroma of what lies outside */
#define FINE 256 /* shares of a pixel */

typedef struct {
    const uint8_t *from;
    int stride, width, height; /* of `from` */
    const vd_bend *bend;
    unsigned count;
    double unit_x, unit_y; /* of a pixel of the plane that is made, in 0..1 */
} plane_job;

/* Pixel of `from`, in 1/FINE, of pixel x of the row at y (0..1). */
static void source_of(const plane_job *job, int at, double down, double *ret_x, double *ret_y)
{
    double x = (at + 0.5) * job->unit_x, y = down;

    for (unsigned i = job->count; i-- > 0;) bend_back(&job->bend[i], &x, &y);
    *ret_x = (x * job->width - 0.5) * FINE;
    *ret_y = (y * job->height - 0.5) * FINE;
}

static uint8_t sample(const plane_job *job, double x, double y)
{
    const double edge = FINE * 0.5;

    if (!(x >= -edge && y >= -edge && x <= job->width * (double)FINE - edge &&
          y <= job->height * (double)FINE - edge))
        return GREY;
    int column = x < 0 ? 0 : (int)(x + 0.5), row = y < 0 ? 0 : (int)(y + 0.5);
    int right = column % FINE, down = row % FINE;
    column /= FINE;
    row /= FINE;
    const uint8_t *above = job->from + (ptrdiff_t)row * job->stride + column;
    const uint8_t *below = above + (row + 1 < job->height ? job->stride : 0);
    int next = column + 1 < job->width ? 1 : 0;
    int a = above[0] * (FINE - right) + above[next] * right;
    int b = below[0] * (FINE - right) + below[next] * right;
    return (uint8_t)((a * (FINE - down) + b * down + FINE * FINE / 2) / (FINE * FINE));
}

static void warp_row(const plane_job *job, double down, int width, uint8_t *into)
{
    double x, y, next_x, next_y;

    source_of(job, 0, down, &x, &y);
    for (int at = 0; at < width; at += RUN) {
        source_of(job, at + RUN, down, &next_x, &next_y);
        double step_x = (next_x - x) / RUN, step_y = (next_y - y) / RUN;
        for (int i = 0; i < RUN && at + i < width; i++)
            into[at + i] = sample(job, x + i * step_x, y + i * step_y);
        x = next_x;
        y = next_y;
    }
}

void warp(const vd_picture *from, const vd_bend *bends, unsigned count, vd_picture *into)
{
    for (int plane = 0; plane < 3; plane++) {
        int half = plane ? 1 : 0;
        int width = (into->width_px + half) >> half, height = (into->height_px + half) >> half;
        plane_job job = { from->plane[plane],
                          from->stride[plane],
                          (from->width_px + half) >> half,
                          (from->height_px + half) >> half,
                          bends,
                          count,
                          1.0 / width,
                          1.0 / height };
        for (int y = 0; y < height; y++)
            warp_row(&job, (y + 0.5) * job.unit_y, width,
                     plane_own(into, plane) + (ptrdiff_t)y * into->stride[plane]);
    }
}
