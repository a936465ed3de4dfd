/* chain_print.c - chains as text, joined, and what they say of a tensor. */
#include "prepare.h"

#include <string.h>

bool vd_chain_empty(const vd_chain *c)
{
    return !c || (!c->count && c->colour == VD_COLOUR_PLAIN && !c->tiles.width_px && !c->resizes &&
                  !c->normalises);
}

static bool print_step(const vd_step *s, vd_buf *into)
{
    const vd_lens *l = &s->lens;

    switch (s->kind) {
    case VD_STEP_CROP:
        return vd_buf_addf(into, "{crop: [%.9g, %.9g, %.9g, %.9g]}", s->crop[0], s->crop[1],
                           s->crop[2], s->crop[3]);
    case VD_STEP_ROTATE: return vd_buf_addf(into, "{rotate: %.9g}", s->degrees);
    case VD_STEP_UNDISTORT:
        return vd_buf_addf(into,
                           "{undistort: {focal: [%.9g, %.9g], center: [%.9g, %.9g], k1: %.9g, "
                           "k2: %.9g, k3: %.9g, p1: %.9g, p2: %.9g}}",
                           l->focal[0], l->focal[1], l->center[0], l->center[1], l->k[0], l->k[1],
                           l->k[2], l->p[0], l->p[1]);
    case VD_STEP_DENOISE:
        return vd_buf_addf(into, "{denoise: {strength: %d, radius: %d}}", s->denoise.strength,
                           s->denoise.radius);
    case VD_STEP_LIGHT:
        return vd_buf_addf(into, "{light: {brightness: %.9g, contrast: %.9g, gamma: %.9g}}",
                           s->light.brightness, s->light.contrast, s->light.gamma);
    case VD_STEP_CLAHE:
        return vd_buf_addf(into, "{clahe: {limit: %.9g, tiles: %d}}", s->clahe.limit,
                           s->clahe.tiles);
    }
    return false;
}

static bool separate(vd_buf *into, bool *first)
{
    bool good = *first || vd_buf_add_str(into, ", ");
    *first = false;
    return good;
}

static bool print_normalise(const float m[3], const float s[3], vd_buf *into)
{
    return vd_buf_addf(into, "{normalise: {mean: [%.9g, %.9g, %.9g], scale: [%.9g, %.9g, %.9g]}}",
                       (double)m[0], (double)m[1], (double)m[2], (double)s[0], (double)s[1],
                       (double)s[2]);
}

/* What is said about the tensor, each behind the last. */
static bool print_ends(const vd_chain *c, bool first, vd_buf *into)
{
    const vd_tiles *t = &c->tiles;
    bool good = true;

    if (c->colour != VD_COLOUR_PLAIN)
        good = separate(into, &first) &&
               vd_buf_add_str(into, c->colour == VD_COLOUR_GREY ? "grey" : "hsv");
    if (good && t->width_px)
        good = separate(into, &first) &&
               vd_buf_addf(into, "{tile: {size: [%d, %d], overlap: %.9g, whole: %s}}", t->width_px,
                           t->height_px, t->overlap, t->whole ? "true" : "false");
    if (good && c->resizes)
        good =
            separate(into, &first) &&
            vd_buf_addf(into, "{resize: %s}", c->fit == VD_FIT_STRETCH ? "stretch" : "letterbox");
    if (good && c->normalises)
        good = separate(into, &first) && print_normalise(c->mean, c->scale, into);
    return good;
}

bool vd_chain_print(const vd_chain *c, vd_buf *into)
{
    bool first = true, good = vd_buf_add_str(into, "[");

    for (unsigned i = 0; good && i < c->count; i++)
        good = separate(into, &first) && print_step(&c->step[i], into);
    return good && print_ends(c, first, into) && vd_buf_add_str(into, "]");
}

vd_err vd_chain_join(const vd_chain *camera, const vd_chain *model, vd_chain *ret_chain,
                     vd_why *why)
{
    vd_chain joint = { 0 };
    const vd_chain *const each[2] = { camera, model };

    for (int i = 0; i < 2; i++) {
        const vd_chain *c = each[i];
        if (!c) continue;
        if (joint.count + c->count > VD_CHAIN_STEPS_MAX) {
            vd_fail(why, VD_FULL, "the chains of a camera and its model have more than %d steps",
                    VD_CHAIN_STEPS_MAX);
            return VD_FULL;
        }
        memcpy(joint.step + joint.count, c->step, c->count * sizeof c->step[0]);
        joint.count += c->count;
        if (c->colour != VD_COLOUR_PLAIN) joint.colour = c->colour;
        if (c->resizes) joint.fit = c->fit;
        joint.resizes = joint.resizes || c->resizes;
        if (c->tiles.width_px && !joint.tiles.width_px) joint.tiles = c->tiles; /* the camera's */
        if (!c->normalises) continue;
        joint.normalises = true;
        memcpy(joint.mean, c->mean, sizeof c->mean);
        memcpy(joint.scale, c->scale, sizeof c->scale);
    }
    *ret_chain = joint;
    return VD_OK;
}

void vd_chain_spec(const vd_chain *c, vd_tensor_spec *spec)
{
    spec->colour = c->colour;
    if (c->resizes) spec->fit = c->fit;
    if (!c->normalises) return;
    memcpy(spec->mean, c->mean, sizeof spec->mean);
    memcpy(spec->scale, c->scale, sizeof spec->scale);
}
