/* chain_read.c - a chain as it is written: a list whose items are a word, or one name with its
 * settings. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prepare.h"

#define TILE_LEAST 32
#define TILE_MOST  4096

typedef struct {
    vd_chain *chain;
    vd_chain_owner owner;
    vd_step step;  /* being read */
    bool ended;    /* a word about the tensor has been said */
    unsigned said; /* a bit for each word of which there is one at most */
    vd_why *why;
} reader;

typedef vd_err read_fn(reader *r, const vd_config_node *value);

/* A list of numbers, each in its bounds. */
static vd_err read_list(reader *r, const vd_config_node *list, const char *what, double least,
                        double most, size_t count, double *into)
{
    vd_err err = VD_OK;

    if (!vd_config_is_list(list) || vd_config_len(list) != count)
        return vd_config_fail(list, r->why, "%s is a list of %zu numbers", what, count);
    for (size_t i = 0; i < count && !err; i++)
        err = vd_config_num(vd_config_at(list, i), NULL, least, most, &into[i], r->why);
    return err;
}

static vd_err read_crop(reader *r, const vd_config_node *value)
{
    double *crop = r->step.crop;

    r->step.kind = VD_STEP_CROP;
    vd_err err = read_list(r, value, "'crop'", 0, 1, 4, crop);
    if (err) return err;
    if (crop[0] < crop[2] && crop[1] < crop[3]) return VD_OK;
    err = vd_config_fail(value, r->why, "'crop' leaves nothing of the picture");
    vd_why_hint(r->why, "left, top, right, bottom in shares of the picture: [0.1, 0.2, 0.9, 1]");
    return err;
}

static vd_err read_rotate(reader *r, const vd_config_node *value)
{
    double degrees = 0;

    r->step.kind = VD_STEP_ROTATE;
    vd_err err = vd_config_num(value, NULL, -360, 360, &degrees, r->why);
    degrees = fmod(degrees + 360, 360);
    r->step.degrees = degrees;
    return err;
}

static vd_err read_undistort(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "focal", "center", "k1", "k2", "k3", "p1", "p2", NULL };
    vd_lens *lens = &r->step.lens;

    r->step.kind = VD_STEP_UNDISTORT;
    *lens = (vd_lens){ .focal = { 1, 1 }, .center = { 0.5, 0.5 } };
    vd_err err = vd_config_only(value, keys, r->why);
    const vd_config_node *focal = vd_config_get(value, "focal");
    const vd_config_node *center = vd_config_get(value, "center");
    if (!err && !focal) {
        err = vd_config_fail(value, r->why, "'undistort' needs 'focal'");
        vd_why_hint(r->why,
                    "focal: [fx / width, fy / height] of the lens, as calibration gives it");
    }
    if (!err) err = read_list(r, focal, "'focal'", 0.05, 20, 2, lens->focal);
    if (!err && center) err = read_list(r, center, "'center'", -1, 2, 2, lens->center);
    if (!err) err = vd_config_num(value, "k1", -10, 10, &lens->k[0], r->why);
    if (!err) err = vd_config_num(value, "k2", -10, 10, &lens->k[1], r->why);
    if (!err) err = vd_config_num(value, "k3", -10, 10, &lens->k[2], r->why);
    if (!err) err = vd_config_num(value, "p1", -10, 10, &lens->p[0], r->why);
    if (!err) err = vd_config_num(value, "p2", -10, 10, &lens->p[1], r->why);
    return err;
}

static vd_err read_denoise(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "strength", "radius", NULL };
    int64_t strength = 12, radius = 1;

    r->step.kind = VD_STEP_DENOISE;
    vd_err err = value ? vd_config_only(value, keys, r->why) : VD_OK;
    if (!err) err = vd_config_int(value, "strength", 1, 128, &strength, r->why);
    if (!err) err = vd_config_int(value, "radius", 1, 2, &radius, r->why);
    r->step.denoise.strength = (int)strength;
    r->step.denoise.radius = (int)radius;
    return err;
}

static vd_err read_light(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "brightness", "contrast", "gamma", NULL };
    double brightness = 0, contrast = 1, gamma = 1;

    r->step.kind = VD_STEP_LIGHT;
    vd_err err = vd_config_only(value, keys, r->why);
    if (!err) err = vd_config_num(value, "brightness", -1, 1, &brightness, r->why);
    if (!err) err = vd_config_num(value, "contrast", 0, 10, &contrast, r->why);
    if (!err && (err = vd_config_num(value, "gamma", 0.1, 10, &gamma, r->why)))
        vd_why_hint(r->why, "gamma is a power: below 1 lightens what is dark, above 1 darkens it");
    r->step.light.brightness = brightness;
    r->step.light.contrast = contrast;
    r->step.light.gamma = gamma;
    return err;
}

static vd_err read_clahe(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "limit", "tiles", NULL };
    double limit = 2;
    int64_t tiles = 8;

    r->step.kind = VD_STEP_CLAHE;
    vd_err err = value ? vd_config_only(value, keys, r->why) : VD_OK;
    if (!err) err = vd_config_num(value, "limit", 1, 40, &limit, r->why);
    if (!err) err = vd_config_int(value, "tiles", 1, 16, &tiles, r->why);
    r->step.clahe.limit = limit;
    r->step.clahe.tiles = (int)tiles;
    return err;
}

static vd_err read_grey(reader *r, const vd_config_node *value)
{
    (void)value;
    r->chain->colour = VD_COLOUR_GREY;
    return VD_OK;
}

static vd_err read_hsv(reader *r, const vd_config_node *value)
{
    (void)value;
    r->chain->colour = VD_COLOUR_HSV;
    return VD_OK;
}

static vd_err read_resize(reader *r, const vd_config_node *value)
{
    static const char *const fits[] = { "letterbox", "stretch", NULL };
    int fit = 0;

    vd_err err = vd_config_choice(value, NULL, fits, &fit, r->why);
    r->chain->resizes = true;
    r->chain->fit = fit ? VD_FIT_STRETCH : VD_FIT_LETTERBOX;
    return err;
}

static vd_err read_tile(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "size", "overlap", "whole", NULL };
    vd_tiles tiles = { .overlap = 0.2, .whole = true };
    double size[2] = { 0 };

    vd_err err = vd_config_only(value, keys, r->why);
    const vd_config_node *node = vd_config_get(value, "size");
    if (!err && !node) {
        err = vd_config_fail(value, r->why, "'tile' needs 'size'");
        vd_why_hint(r->why, "size: [640, 640], the width and height of a tile in pixels");
    }
    if (!err) err = read_list(r, node, "'size'", TILE_LEAST, TILE_MOST, 2, size);
    if (!err) err = vd_config_num(value, "overlap", 0, 0.9, &tiles.overlap, r->why);
    if (!err) err = vd_config_bool(value, "whole", &tiles.whole, r->why);
    tiles.width_px = (int)size[0];
    tiles.height_px = (int)size[1];
    r->chain->tiles = tiles;
    return err;
}

/* One number for all channels, or a list of three. */
static vd_err read_triple(reader *r, const vd_config_node *map, const char *key, float into[3])
{
    const vd_config_node *node = vd_config_get(map, key);
    double value[3] = { (double)into[0], (double)into[1], (double)into[2] };
    vd_err err = VD_OK;

    if (node && vd_config_is_list(node)) {
        err = read_list(r, node, "each of mean and scale", -1e6, 1e6, 3, value);
    } else if (node) {
        err = vd_config_num(node, NULL, -1e6, 1e6, &value[0], r->why);
        value[1] = value[2] = value[0];
    }
    for (int i = 0; i < 3; i++) into[i] = (float)value[i];
    return err;
}

static vd_err read_normalise(reader *r, const vd_config_node *value)
{
    static const char *const keys[] = { "mean", "scale", NULL };
    vd_chain *c = r->chain;

    c->normalises = true;
    for (int i = 0; i < 3; i++) c->scale[i] = 1;
    vd_err err = vd_config_only(value, keys, r->why);
    if (!err) err = read_triple(r, value, "mean", c->mean);
    if (!err) err = read_triple(r, value, "scale", c->scale);
    return err;
}

static const struct {
    read_fn *read;
    bool word;   /* stands alone, without settings */
    bool usual;  /* may stand alone: then all is usual */
    bool end;    /* about the tensor: after all steps of the picture, and only once */
    bool models; /* only a model can know */
} kinds[] = {
    { read_crop, false, false, false, false },      { read_rotate, false, false, false, false },
    { read_undistort, false, false, false, false }, { read_denoise, false, true, false, false },
    { read_light, false, false, false, false },     { read_clahe, false, true, false, false },
    { read_grey, true, true, true, false },         { read_hsv, true, true, true, true },
    { read_tile, false, false, true, false },       { read_resize, false, false, true, true },
    { read_normalise, false, false, true, true },
};
static const char *const names[] = { "crop", "rotate", "undistort", "denoise", "light",     "clahe",
                                     "grey", "hsv",    "tile",      "resize",  "normalise", NULL };

static vd_err refuse(const vd_config_node *item, vd_why *why, const char *hint, const char *fact)
{
    vd_err err = vd_config_fail(item, why, "%s", fact);
    vd_why_hint(why, "%s", hint);
    return err;
}

/* The item's name: the word itself, or the only key. */
static vd_err name_of(const vd_config_node *item, const char **ret_name,
                      const vd_config_node **ret_value, vd_why *why)
{
    *ret_value = NULL;
    *ret_name = NULL;
    if (vd_config_is_map(item) && vd_config_len(item) == 1) {
        *ret_value = vd_config_member(item, 0, ret_name);
        return VD_OK;
    }
    if (!vd_config_is_map(item) && !vd_config_is_list(item)) {
        vd_err err = vd_config_text(item, NULL, ret_name, why);
        if (err || *ret_name) return err;
    }
    return refuse(item, why, "- rotate: 90", "a step of a chain is one name with its settings");
}

static vd_err check_place(reader *r, const vd_config_node *item, size_t kind)
{
    char text[160];

    if (kinds[kind].models && r->owner == VD_CHAIN_OF_CAMERA) {
        snprintf(text, sizeof text, "'%s' is for a model to say, not for a camera", names[kind]);
        return refuse(item, r->why, "write it into the chain of the model's descriptor", text);
    }
    if (kinds[kind].end && r->said & 1u << kind) {
        snprintf(text, sizeof text, "'%s' is said twice", names[kind]);
        return refuse(item, r->why, "leave one out", text);
    }
    if (!kinds[kind].end && r->ended) {
        snprintf(text, sizeof text, "'%s' comes too late in the chain", names[kind]);
        return refuse(item, r->why,
                      "grey, hsv, tile, resize and normalise stand behind all other steps", text);
    }
    if (!kinds[kind].end && r->chain->count == VD_CHAIN_STEPS_MAX)
        return vd_config_fail(item, r->why, "a chain has at most %d steps", VD_CHAIN_STEPS_MAX);
    r->said |= 1u << kind;
    r->ended = r->ended || kinds[kind].end;
    return VD_OK;
}

static vd_err check_value(reader *r, const vd_config_node *item, const vd_config_node *value,
                          size_t kind)
{
    char text[160];

    if (value && kinds[kind].word) {
        snprintf(text, sizeof text, "'%s' has no settings", names[kind]);
        return refuse(item, r->why, "write the word alone", text);
    }
    if (!value && !kinds[kind].usual) {
        snprintf(text, sizeof text, "'%s' needs its settings", names[kind]);
        return refuse(item, r->why, "docs/preprocessing.md shows each step", text);
    }
    return VD_OK;
}

static vd_err read_item(reader *r, const vd_config_node *item)
{
    const vd_config_node *value;
    const char *name;
    size_t kind = 0;

    vd_err err = name_of(item, &name, &value, r->why);
    if (err || !name) return VD_INVALID;
    while (names[kind] && strcmp(names[kind], name) != 0) kind++;
    if (!names[kind]) {
        err = vd_config_fail(item, r->why, "there is no step '%.40s'", name);
        const char *nearest = vd_nearest(vd_slice_str(name), names, VD_COUNT_OF(names) - 1);
        vd_why_hint(
            r->why, nearest ? "did you mean '%s'?" : "%s",
            nearest ? nearest
                    : "crop, rotate, undistort, denoise, light, clahe, grey, hsv, tile, resize, "
                      "normalise");
        return err;
    }
    err = check_place(r, item, kind);
    if (!err) err = check_value(r, item, value, kind);
    r->step = (vd_step){ 0 };
    if (!err) err = kinds[kind].read(r, value);
    if (!err && r->said & 1u << 6 && r->said & 1u << 7)
        err = refuse(item, r->why, "leave one out", "a picture is either grey or hsv");
    if (!err && !kinds[kind].end) r->chain->step[r->chain->count++] = r->step;
    return err;
}

vd_err vd_chain_read(const vd_config_node *list, vd_chain_owner owner, vd_chain *ret_chain,
                     vd_why *why)
{
    vd_chain chain = { 0 };
    vd_why unasked = { 0 };
    reader r = { .chain = &chain, .owner = owner, .why = why ? why : &unasked };
    vd_err err = VD_OK;

    if (list && !vd_config_is_list(list))
        return refuse(list, r.why, "chain: [{rotate: 90}, {clahe: {limit: 2}}]",
                      "a chain is a list of steps");
    for (size_t i = 0; i < vd_config_len(list) && !err; i++)
        err = read_item(&r, vd_config_at(list, i));
    if (!err) *ret_chain = chain;
    return err;
}

vd_err vd_chain_parse(vd_slice yaml, const char *name, vd_chain_owner owner, vd_chain *ret_chain,
                      vd_why *why)
{
    VD_AUTO(vd_config_ptr) text = NULL;
    vd_err err = vd_config_parse(yaml, name, &text, why);

    return err ? err : vd_chain_read(vd_config_root(text), owner, ret_chain, why);
}
