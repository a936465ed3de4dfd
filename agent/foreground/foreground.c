/* Cells learn what is always there and what is there now.
 *
 *               stands for LEARN_S         differs, stands for STILL_S         ABSORB_S
 *   unknown ------------------> background -----------------------> still -----------> background
 *                                   ^                                 |
 *                                   +------- as before, for a while --+
 *
 * Who walks past hides a still cell for HIDE_S at most without its age being lost; leaves that sway
 * come back to the background too often to grow old. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "foreground_priv.h"

#define LEARN_S  4.0f
#define HIDE_S   4.0f
#define ABSORB_S 1800.0f
#define SLOW_S   60.0f /* the background follows the light in about this time */
#define STEP_MAX 10.0f /* s; a longer break counts as this */
#define BAND_MIN 16.0f
#define BAND_MAX 50.0f
#define SAMPLES  4 /* a side: pixels that are averaged for a cell */
#define CHANGED  0.5f
#define OFFSETS  511

vd_foreground *vd_foreground_new(void)
{
    return calloc(1, sizeof(vd_foreground));
}

vd_foreground *vd_foreground_free(vd_foreground *f)
{
    free(f);
    return NULL;
}

float cell_band(const cell *c)
{
    return fminf(fmaxf(BAND_MIN, 5 * c->noise), BAND_MAX);
}

/* ---- the small picture ---- */

static float mean_of(const vd_picture *p, int left, int top, int right, int bottom)
{
    int step_x = (right - left + SAMPLES - 1) / SAMPLES,
        step_y = (bottom - top + SAMPLES - 1) / SAMPLES;
    int sum = 0, count = 0;
    for (int y = top; y < bottom; y += step_y) {
        const uint8_t *row = p->plane[0] + (ptrdiff_t)y * p->stride[0];
        for (int x = left; x < right; x += step_x) {
            sum += row[x];
            count++;
        }
    }
    return count ? (float)sum / (float)count : 0;
}

static void shrink(vd_foreground *f, const vd_picture *p)
{
    for (int y = 0; y < f->height; y++) {
        int top = y * p->height_px / f->height, bottom = (y + 1) * p->height_px / f->height;
        if (bottom == top) bottom++;
        for (int x = 0; x < WIDTH; x++) {
            int left = x * p->width_px / WIDTH, right = (x + 1) * p->width_px / WIDTH;
            if (right == left) right++;
            f->seen[y * WIDTH + x] = mean_of(p, left, top, right, bottom);
        }
    }
}

/* ---- light ---- */

static int median_of(const unsigned histogram[OFFSETS], unsigned total)
{
    unsigned sum = 0;
    for (int i = 0; i < OFFSETS; i++) {
        sum += histogram[i];
        if (sum * 2 >= total) return i - OFFSETS / 2;
    }
    return 0;
}

static int bin_of(float difference)
{
    long bin = lroundf(difference) + OFFSETS / 2;
    return (int)(bin < 0 ? 0 : bin >= OFFSETS ? OFFSETS - 1 : bin);
}

/* How much brighter all is than the background, and than the picture before. */
static void measure_light(const vd_foreground *f, float *ret_offset, float *ret_step)
{
    unsigned back[OFFSETS] = { 0 }, before[OFFSETS] = { 0 }, known = 0, all = 0;
    for (int i = 0; i < WIDTH * f->height; i++) {
        before[bin_of(f->seen[i] - f->before[i])]++;
        all++;
        if (!f->cell[i].known) continue;
        back[bin_of(f->seen[i] - f->cell[i].back)]++;
        known++;
    }
    *ret_offset = known ? (float)median_of(back, known) : 0;
    *ret_step = all ? (float)median_of(before, all) : 0;
}

/* ---- cells ---- */

static void learn(cell *c, float seen, float passed_s)
{
    if (fabsf(seen - c->now) < BAND_MIN && c->age_s > 0) {
        c->age_s += passed_s;
        c->now += 0.2f * (seen - c->now);
    } else {
        c->now = seen;
        c->age_s = 0.01f;
    }
    if (c->age_s < LEARN_S) return;
    *c = (cell){ .known = true, .back = c->now, .noise = 2, .now = c->now };
}

static void be_background(cell *c, float seen, float off, float passed_s)
{
    c->back += fminf(passed_s / SLOW_S, 0.5f) * (seen - c->back);
    c->noise += 0.05f * (fabsf(off) - c->noise);
    c->age_s = fmaxf(0, c->age_s - 2 * passed_s);
}

static void be_other(cell *c, float seen, float passed_s)
{
    if (c->age_s > 0 && fabsf(seen - c->now) < cell_band(c)) {
        c->age_s += passed_s + c->away_s;
        c->away_s = 0;
        c->now += 0.2f * (seen - c->now);
    } else if (c->age_s > 0 && c->away_s + passed_s <= HIDE_S) {
        c->away_s += passed_s;
    } else {
        c->now = seen;
        c->age_s = 0.01f;
        c->away_s = 0;
    }
    if (c->age_s < ABSORB_S) return;
    c->back = c->now;
    c->age_s = c->away_s = 0;
}

static unsigned follow(vd_foreground *f, float offset, float step, float passed_s)
{
    unsigned others = 0;
    for (int i = 0; i < WIDTH * f->height; i++) {
        cell *c = &f->cell[i];
        if (!c->known) {
            learn(c, f->seen[i], passed_s);
            continue;
        }
        float off = f->seen[i] - c->back - offset;
        c->now += step;
        if (fabsf(off) < cell_band(c)) {
            be_background(c, f->seen[i], off, passed_s);
            continue;
        }
        others++;
        c->back += fminf(passed_s / SLOW_S, 0.5f) * offset;
        be_other(c, f->seen[i], passed_s);
    }
    return others;
}

/* ---- a picture ---- */

static void begin(vd_foreground *f, const vd_picture *p)
{
    memset(f->cell, 0, sizeof f->cell);
    f->blobs.count = 0;
    f->width_px = p->width_px;
    f->height_px = p->height_px;
    f->height = p->height_px * WIDTH / (p->width_px ? p->width_px : 1);
    if (f->height < 1) f->height = 1;
    if (f->height > HEIGHT) f->height = HEIGHT;
    f->started = true;
}

const vd_stills *vd_foreground_step(vd_foreground *f, const vd_picture *p, int64_t utc_us)
{
    int64_t passed_us = utc_us - f->utc_us;
    float offset, step;
    bool anew =
        !f->started || passed_us < 0 || p->width_px != f->width_px || p->height_px != f->height_px;
    if (!anew && passed_us < VD_FOREGROUND_EVERY_US) return &f->blobs;
    if (anew) begin(f, p);
    shrink(f, p);
    if (anew) memcpy(f->before, f->seen, sizeof f->before);
    measure_light(f, &offset, &step);
    float passed_s = anew ? 0 : fminf((float)passed_us / 1e6f, STEP_MAX);
    unsigned others = follow(f, offset, step, passed_s);
    memcpy(f->before, f->seen, sizeof f->before);
    f->utc_us = utc_us;
    if ((float)others > CHANGED * (float)(WIDTH * f->height))
        begin(f, p);
    else
        blobs_find(f, offset);
    return &f->blobs;
}
