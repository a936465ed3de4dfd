/* prepare.c - a chain's steps on one picture.
 *
 *   now      the picture as it is after the passes so far: the source, or one of two own ones
 *   pending  bends that no pass has made yet; crops alone never need one
 *   table    light that no pass has put on yet */
#include "prepare_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vd_preparer {
    uint8_t *memory[2];
    size_t room[2];
    unsigned turn; /* which is written next */
    uint8_t table[256];
};

typedef struct {
    vd_preparer *own;
    vd_picture now;
    bool is_own; /* now is one of ours, not the source */
    vd_bend pending[VD_CHAIN_STEPS_MAX + 1];
    unsigned pending_count;
    bool lit; /* table holds */
    vd_prepared *result;
    vd_why *why;
} work;

vd_err vd_preparer_new(vd_preparer **ret_preparer)
{
    *ret_preparer = calloc(1, sizeof(**ret_preparer));
    return *ret_preparer ? VD_OK : VD_FULL;
}

vd_preparer *vd_preparer_free(vd_preparer *p)
{
    for (int i = 0; p && i < 2; i++) free(p->memory[i]);
    free(p);
    return NULL;
}

/* A picture like `now` of this size in the memory that is not now's. */
static vd_err own_picture(work *w, int width, int height, vd_picture *ret_picture)
{
    vd_preparer *own = w->own;
    int half = (width + 1) / 2;
    size_t luma = (size_t)width * (size_t)height,
           chroma = (size_t)half * (size_t)((height + 1) / 2);
    unsigned turn = own->turn;

    if (own->room[turn] < luma + 2 * chroma) {
        free(own->memory[turn]);
        own->memory[turn] = malloc(luma + 2 * chroma);
        own->room[turn] = own->memory[turn] ? luma + 2 * chroma : 0;
    }
    if (!own->memory[turn]) return vd_fail(w->why, VD_FULL, "there is no memory for a picture");
    own->turn = !turn;
    *ret_picture = w->now;
    ret_picture->width_px = width;
    ret_picture->height_px = height;
    for (int i = 0; i < 3; i++) ret_picture->stride[i] = i ? half : width;
    ret_picture->plane[0] = own->memory[turn];
    ret_picture->plane[1] = own->memory[turn] + luma;
    ret_picture->plane[2] = own->memory[turn] + luma + chroma;
    return VD_OK;
}

static void take_over(work *w, const vd_picture *made)
{
    vd_prepared *r = w->result;

    w->now = *made;
    w->is_own = true;
    for (unsigned i = 0; i < w->pending_count; i++) r->bend[r->bends++] = w->pending[i];
    w->pending_count = 0;
}

static bool bends(const work *w)
{
    for (unsigned i = 0; i < w->pending_count; i++)
        if (w->pending[i].kind != VD_STEP_CROP) return true;
    return false;
}

/* What the pending crops leave of now. */
static vd_part_px window(const work *w)
{
    vd_part_px part = { 0, 0, w->now.width_px, w->now.height_px };

    for (unsigned i = 0; i < w->pending_count; i++) {
        part.left += (int)w->pending[i].left;
        part.top += (int)w->pending[i].top;
        part.width = (int)w->pending[i].out_width;
        part.height = (int)w->pending[i].out_height;
    }
    return part;
}

static int at_least_two(double size)
{
    return size < 2 ? 2 : (int)lround(size);
}

/* As large as the tensor shows it, or as it is. */
static void warped_size(const work *w, const vd_tensor_spec *spec, int *ret_width, int *ret_height)
{
    const vd_bend *last = &w->pending[w->pending_count - 1];
    double across = spec ? spec->width_px / last->out_width : 1;
    double down = spec ? spec->height_px / last->out_height : 1;

    if (spec && spec->fit == VD_FIT_LETTERBOX) across = down = fmin(across, down);
    *ret_width = at_least_two(last->out_width * fmin(across, 1));
    *ret_height = at_least_two(last->out_height * fmin(down, 1));
}

static vd_err make_bends(work *w, const vd_tensor_spec *spec)
{
    vd_picture made;
    int width, height;

    warped_size(w, spec, &width, &height);
    vd_err err = own_picture(w, width, height, &made);
    if (err) return err;
    warp(&w->now, w->pending, w->pending_count, &made);
    take_over(w, &made);
    return VD_OK;
}

/* Chroma covers pairs of pixels: the window begins at an even one. */
static void even_window(work *w, vd_part_px *part)
{
    part->width += part->left % 2;
    part->height += part->top % 2;
    part->left -= part->left % 2;
    part->top -= part->top % 2;
    w->pending[0] = (vd_bend){ .kind = VD_STEP_CROP,
                               .in_width = w->now.width_px,
                               .in_height = w->now.height_px,
                               .left = part->left,
                               .top = part->top,
                               .out_width = part->width,
                               .out_height = part->height };
    w->pending_count = 1;
}

static void copy_plane(const work *w, int plane, const vd_part_px *part, const vd_picture *into)
{
    int half = plane ? 1 : 0, width = (part->width + half) >> half;
    int height = (part->height + half) >> half, stride = w->now.stride[plane];
    const uint8_t *from =
        w->now.plane[plane] + (ptrdiff_t)(part->top >> half) * stride + (part->left >> half);
    uint8_t *to = plane_own(into, plane);
    bool light = plane == 0 && w->lit;

    for (int y = 0; y < height; y++, from += stride, to += into->stride[plane]) {
        if (!light) memcpy(to, from, (size_t)width);
        for (int x = 0; light && x < width; x++) to[x] = w->own->table[from[x]];
    }
}

/* Makes `now` a picture of our own that is what the chain says up to here. */
static vd_err settle(work *w)
{
    vd_picture made;

    if (bends(w)) {
        vd_err err = make_bends(w, NULL);
        if (err) return err;
    }
    if (w->is_own && !w->lit && !w->pending_count) return VD_OK;
    vd_part_px part = window(w);
    if (w->pending_count) even_window(w, &part);
    vd_err err = own_picture(w, part.width, part.height, &made);
    if (err) return err;
    for (int plane = 0; plane < 3; plane++) copy_plane(w, plane, &part, &made);
    take_over(w, &made);
    w->lit = false;
    return VD_OK;
}

static vd_err denoise(work *w, const vd_step *step)
{
    vd_picture made;
    const vd_part_px all = { 0, 0, w->now.width_px, w->now.height_px };

    vd_err err = own_picture(w, all.width, all.height, &made);
    if (err) return err;
    denoise_plane(w->now.plane[0], w->now.stride[0], all.width, all.height, step->denoise.radius,
                  step->denoise.strength, plane_own(&made, 0), made.stride[0]);
    for (int plane = 1; plane < 3; plane++) copy_plane(w, plane, &all, &made);
    take_over(w, &made);
    return VD_OK;
}

static void light(work *w, const vd_step *step)
{
    uint8_t table[256];

    light_table(step, w->now.full_range, table);
    for (int i = 0; i < 256; i++) w->own->table[i] = table[w->lit ? w->own->table[i] : i];
    w->lit = true;
}

static void bend(work *w, const vd_step *step)
{
    double width = w->now.width_px, height = w->now.height_px;

    if (w->pending_count) {
        width = w->pending[w->pending_count - 1].out_width;
        height = w->pending[w->pending_count - 1].out_height;
    }
    w->pending[w->pending_count++] = bend_of(step, width, height);
}

static vd_err run_step(work *w, const vd_step *step)
{
    vd_err err = VD_OK;

    if (step->kind == VD_STEP_LIGHT) {
        light(w, step);
    } else if (step->kind == VD_STEP_DENOISE) {
        err = settle(w);
        if (!err) err = denoise(w, step);
    } else if (step->kind == VD_STEP_CLAHE) {
        err = settle(w);
        if (!err &&
            !clahe_plane(plane_own(&w->now, 0), w->now.stride[0], w->now.width_px, w->now.height_px,
                         w->now.full_range, step->clahe.limit, step->clahe.tiles))
            err = vd_fail(w->why, VD_FULL, "there is no memory for a picture");
    } else {
        bend(w, step);
    }
    return err;
}

vd_err vd_preparer_run(vd_preparer *preparer, const vd_chain *chain, const vd_picture *picture,
                       const vd_part_px *part, const vd_tensor_spec *spec,
                       vd_prepared *ret_prepared, vd_why *why)
{
    work w = { .own = preparer, .now = *picture, .result = ret_prepared, .why = why };
    vd_err err = VD_OK;

    ret_prepared->bends = 0;
    if (part)
        w.pending[w.pending_count++] = (vd_bend){ .kind = VD_STEP_CROP,
                                                  .in_width = picture->width_px,
                                                  .in_height = picture->height_px,
                                                  .left = part->left,
                                                  .top = part->top,
                                                  .out_width = part->width,
                                                  .out_height = part->height };
    for (unsigned i = 0; i < chain->count && !err; i++) {
        vd_step_kind kind = chain->step[i].kind;
        if (part && (kind == VD_STEP_CROP || kind == VD_STEP_UNDISTORT)) continue;
        err = run_step(&w, &chain->step[i]);
    }
    if (!err && bends(&w)) err = make_bends(&w, chain->tiles.width_px && !part ? NULL : spec);
    if (err) return err;
    ret_prepared->picture = w.now;
    ret_prepared->part = window(&w);
    ret_prepared->light = w.lit ? preparer->table : NULL;
    return VD_OK;
}

vd_err vd_prepared_frame(const vd_prepared *prepared, vd_frame **ret_frame)
{
    VD_AUTO(vd_preparer_ptr) own = NULL;
    vd_prepared copy = *prepared;
    vd_err err = vd_preparer_new(&own);
    if (err) return err;
    work w = { .own = own, .now = prepared->picture, .result = &copy, .lit = prepared->light };

    copy.bends = 0;
    if (w.lit) memcpy(own->table, prepared->light, sizeof own->table);
    w.pending_count = 1;
    w.pending[0] = (vd_bend){ .left = prepared->part.left,
                              .top = prepared->part.top,
                              .in_width = w.now.width_px,
                              .in_height = w.now.height_px,
                              .out_width = prepared->part.width,
                              .out_height = prepared->part.height };
    err = settle(&w);
    return err ? err : vd_frame_copy(&w.now, ret_frame);
}
