/* manifest.c - reads a dataset's manifest and takes one split of it. */
#include "eval_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"

#define ARENA_BYTES ((size_t)1 << 30)
#define EDGE        1e-6 /* what a rounded box may reach over the picture's edge */

typedef struct {
    vd_eval *eval;
    const char **groups; /* of all pictures, with their split */
    const char **splits;
    vd_why *why;
} reading;

static vd_err wrong(reading *r, size_t picture, const char *what)
{
    (void)vd_fail(r->why, VD_INVALID, "the manifest's picture %zu %s", picture + 1, what);
    return VD_INVALID;
}

static vd_err no_memory(vd_why *why)
{
    return vd_fail(why, VD_FULL, "no memory for the dataset");
}

static int class_of(const vd_eval *eval, const char *name)
{
    for (size_t n = 0; name && n < eval->class_count; n++)
        if (strcmp(eval->classes[n], name) == 0) return (int)n;
    return -1;
}

static const char *copy(vd_eval *eval, const char *text)
{
    return vd_arena_str(eval->arena, vd_slice_str(text));
}

static vd_err read_classes(reading *r, const vd_json *list)
{
    vd_eval *eval = r->eval;
    size_t count = vd_json_len(list);
    if (count == 0 || count > EVAL_CLASSES_MAX)
        return vd_fail(r->why, VD_INVALID, "the manifest has %zu classes, it must have 1 to %u",
                       count, EVAL_CLASSES_MAX);
    eval->classes = vd_arena_alloc(eval->arena, count * sizeof *eval->classes);
    if (!eval->classes) return no_memory(r->why);
    for (size_t n = 0; n < count; n++) {
        const char *name = vd_json_text(vd_json_at(list, n), NULL);
        if (!name || !name[0] || strlen(name) > VD_LIMIT_NAME_BYTES || class_of(eval, name) >= 0)
            return vd_fail(r->why, VD_INVALID, "the manifest's class %zu is no name of its own",
                           n + 1);
        eval->classes[n] = copy(eval, name);
        if (!eval->classes[n]) return no_memory(r->why);
        eval->class_count = n + 1;
    }
    return VD_OK;
}

static bool box_fits(const double box[4])
{
    for (int n = 0; n < 4; n++)
        if (!isfinite(box[n])) return false;
    return box[0] >= -EDGE && box[1] >= -EDGE && box[2] > 0 && box[3] > 0 &&
           box[0] + box[2] <= 1 + EDGE && box[1] + box[3] <= 1 + EDGE;
}

static vd_err read_truth(reading *r, size_t picture, const vd_json *box, vd_eval_truth *into)
{
    double v[4];
    const vd_json *list = vd_json_get(box, "box");
    int class_index = class_of(r->eval, vd_json_text(vd_json_get(box, "class"), NULL));
    for (size_t n = 0; n < 4; n++) v[n] = vd_json_num(vd_json_at(list, n), NAN);
    if (class_index < 0) return wrong(r, picture, "has a box of a class that is not in 'classes'");
    if (vd_json_len(list) != 4 || !box_fits(v))
        return wrong(r, picture, "has a box that does not lie in the picture");
    *into = (vd_eval_truth){ .class_index = (uint16_t)class_index,
                             .crowd = vd_json_bool(vd_json_get(box, "crowd"), false),
                             .l = v[0],
                             .t = v[1],
                             .w = v[2],
                             .h = v[3] };
    return VD_OK;
}

static vd_err read_class_truth(reading *r, size_t picture, const vd_json *node, eval_picture *into)
{
    const char *name = vd_json_text(vd_json_get(node, "class"), NULL);
    if (!name) return VD_OK; /* nothing is in it */
    int class_index = class_of(r->eval, name);
    if (class_index < 0) return wrong(r, picture, "has a class that is not in 'classes'");
    vd_eval_truth *truth = vd_arena_alloc(r->eval->arena, sizeof *truth);
    if (!truth) return no_memory(r->why);
    *truth = (vd_eval_truth){ .class_index = (uint16_t)class_index, .w = 1, .h = 1 };
    into->is.truths = truth;
    into->is.truth_count = 1;
    return VD_OK;
}

static vd_err read_truths(reading *r, size_t picture, const vd_json *node, eval_picture *into)
{
    const vd_json *boxes = vd_json_get(node, "boxes");
    size_t count = vd_json_len(boxes);
    if (r->eval->classifies) return read_class_truth(r, picture, node, into);
    if (count > EVAL_TRUTHS_MAX) return wrong(r, picture, "has too many boxes");
    vd_eval_truth *truths = vd_arena_alloc(r->eval->arena, count * sizeof *truths);
    if (!truths) return no_memory(r->why);
    vd_err err = VD_OK;
    for (size_t n = 0; !err && n < count; n++)
        err = read_truth(r, picture, vd_json_at(boxes, n), &truths[n]);
    into->is.truths = truths;
    into->is.truth_count = (unsigned)count;
    return err;
}

static const char *name_of(reading *r, const vd_json *node, const char *key)
{
    const char *text = vd_json_text(vd_json_get(node, key), NULL);
    if (!text || strlen(text) > 2 * VD_LIMIT_NAME_BYTES + 64) return NULL;
    return copy(r->eval, text);
}

static vd_err read_picture(reading *r, size_t index, const vd_json *node, eval_picture *into)
{
    vd_digest digest;
    int64_t width = vd_json_int(vd_json_get(node, "width"), 0);
    int64_t height = vd_json_int(vd_json_get(node, "height"), 0);
    const char *name = vd_json_text(vd_json_get(node, "picture"), "");
    const char *at = vd_json_text(vd_json_get(node, "captured_at"), "");
    if (strlen(name) != VD_SHA256_HEX || !vd_digest_parse(vd_slice_str(name), &digest))
        return wrong(r, index, "is not named by a SHA-256");
    if (width < 1 || height < 1 || width > 65535 || height > 65535)
        return wrong(r, index, "has no size in pixels");
    if (at[0] && !vd_utc_parse(vd_slice_str(at), &into->is.captured_us))
        return wrong(r, index, "has a 'captured_at' that is no time");
    into->is.picture = copy(r->eval, digest.hex);
    into->is.device = name_of(r, node, "device");
    into->is.camera = name_of(r, node, "camera");
    into->is.group = name_of(r, node, "group");
    into->is.width_px = (int)width;
    into->is.height_px = (int)height;
    into->run_us = -1;
    if (!into->is.picture || !into->is.device || !into->is.camera || !into->is.group)
        return wrong(r, index, "lacks device, camera or group");
    return read_truths(r, index, node, into);
}

/* ---- all pictures ---- */

static vd_err read_pictures(reading *r, const vd_json *list)
{
    vd_eval *eval = r->eval;
    size_t count = vd_json_len(list);
    if (count > EVAL_PICTURES_MAX)
        return vd_fail(r->why, VD_FULL, "the manifest has more than %u pictures",
                       EVAL_PICTURES_MAX);
    eval->pictures = vd_arena_alloc(eval->arena, count * sizeof *eval->pictures);
    if (!eval->pictures) return no_memory(r->why);
    vd_err err = VD_OK;
    for (size_t n = 0; !err && n < count; n++) {
        const vd_json *node = vd_json_at(list, n);
        r->groups[n] = vd_json_text(vd_json_get(node, "group"), "");
        r->splits[n] = vd_json_text(vd_json_get(node, "split"), NULL);
        if (vd_word_index(vd_dataset_split_words, r->splits[n]) < 0)
            err = wrong(r, n, "is in no split");
        else if (strcmp(r->splits[n], eval->split) == 0)
            err = read_picture(r, n, node, &eval->pictures[eval->count++]);
    }
    return err;
}

typedef struct {
    const char *group, *split;
} placed;

static int by_group(const void *a, const void *b)
{
    return strcmp(((const placed *)a)->group, ((const placed *)b)->group);
}

/* A group in two splits would let a model be measured on what it has seen. */
static vd_err check_groups(reading *r, size_t count)
{
    placed *all = calloc(count ? count : 1, sizeof *all);
    if (!all) return no_memory(r->why);
    for (size_t n = 0; n < count; n++) all[n] = (placed){ r->groups[n], r->splits[n] };
    qsort(all, count, sizeof *all, by_group);
    vd_err err = VD_OK;
    for (size_t n = 1; !err && n < count; n++)
        if (strcmp(all[n].group, all[n - 1].group) == 0 &&
            strcmp(all[n].split, all[n - 1].split) != 0)
            err = vd_fail(r->why, VD_INVALID, "group '%.100s' lies in two splits", all[n].group);
    free(all);
    return err;
}

static int by_digest(const void *a, const void *b, void *arg)
{
    const eval_picture *pictures = arg;
    return strcmp(pictures[*(const uint32_t *)a].is.picture,
                  pictures[*(const uint32_t *)b].is.picture);
}

static vd_err index_names(vd_eval *eval, vd_why *why)
{
    eval->by_name = vd_arena_alloc(eval->arena, eval->count * sizeof *eval->by_name);
    if (!eval->by_name) return no_memory(why);
    for (size_t n = 0; n < eval->count; n++) eval->by_name[n] = (uint32_t)n;
    qsort_r(eval->by_name, eval->count, sizeof *eval->by_name, by_digest, eval->pictures);
    for (size_t n = 1; n < eval->count; n++)
        if (by_digest(&eval->by_name[n], &eval->by_name[n - 1], eval->pictures) == 0)
            return vd_fail(why, VD_INVALID, "picture %.12s is twice in the split",
                           eval->pictures[eval->by_name[n]].is.picture);
    return VD_OK;
}

static int by_group_name(const void *a, const void *b, void *arg)
{
    const eval_picture *pictures = arg;
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    int order = strcmp(pictures[one].is.group, pictures[two].is.group);
    return order ? order : one < two ? -1 : one > two;
}

static int by_camera_name(const void *a, const void *b, void *arg)
{
    const eval_picture *pictures = arg;
    uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    int order = strcmp(pictures[one].is.device, pictures[two].is.device);
    if (!order) order = strcmp(pictures[one].is.camera, pictures[two].is.camera);
    return order ? order : one < two ? -1 : one > two;
}

/* Gives each picture the index of the first one of its group and of its camera. */
static vd_err number_groups(vd_eval *eval, vd_why *why)
{
    eval_picture *p = eval->pictures;
    uint32_t *order = calloc(eval->count, sizeof *order);
    if (!order) return no_memory(why);
    for (uint32_t n = 0; n < eval->count; n++) order[n] = n;
    qsort_r(order, eval->count, sizeof *order, by_group_name, p);
    for (size_t n = 0; n < eval->count; n++) {
        bool same = n && strcmp(p[order[n]].is.group, p[order[n - 1]].is.group) == 0;
        p[order[n]].group = same ? p[order[n - 1]].group : order[n];
        eval->groups += !same;
    }
    qsort_r(order, eval->count, sizeof *order, by_camera_name, p);
    for (size_t n = 0; n < eval->count; n++) {
        bool same = n && strcmp(p[order[n]].is.device, p[order[n - 1]].is.device) == 0 &&
                    strcmp(p[order[n]].is.camera, p[order[n - 1]].is.camera) == 0;
        p[order[n]].camera = same ? p[order[n - 1]].camera : order[n];
    }
    free(order);
    return VD_OK;
}

static vd_err read_root(vd_eval *eval, const vd_json *root, vd_why *why)
{
    const vd_json *pictures = vd_json_get(root, "pictures");
    const char *task = vd_json_text(vd_json_get(root, "task"), NULL);
    size_t count = vd_json_len(pictures);
    reading r = { .eval = eval, .why = why };
    if (strcmp(vd_json_text(vd_json_get(root, "format"), ""), "vedette.dataset/1") != 0)
        return vd_fail(why, VD_INVALID, "this is no dataset: its format is not vedette.dataset/1");
    if (vd_word_index(vd_dataset_task_words, task) < 0)
        return vd_fail(why, VD_INVALID, "the dataset's task is not known");
    eval->classifies = strcmp(task, "classification") == 0;
    r.groups = calloc(count ? count : 1, sizeof *r.groups);
    r.splits = calloc(count ? count : 1, sizeof *r.splits);
    vd_err err = r.groups && r.splits ? VD_OK : no_memory(why);
    if (!err) err = read_classes(&r, vd_json_get(root, "classes"));
    if (!err) err = read_pictures(&r, pictures);
    if (!err) err = check_groups(&r, count);
    free(r.groups);
    free(r.splits);
    if (!err && eval->count == 0) {
        err = vd_fail(why, VD_INVALID, "the dataset's split '%s' has no picture", eval->split);
        vd_why_hint(why, "make a version with a larger share for it, or label more groups");
    }
    if (!err) err = index_names(eval, why);
    return err ? err : number_groups(eval, why);
}

vd_err vd_eval_new(vd_slice manifest, const char *split, vd_eval **ret_eval, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_eval_ptr) eval = NULL;
    if (vd_word_index(vd_dataset_split_words, split) < 0)
        return vd_fail(why, VD_INVALID, "'%.40s' is no split", split ? split : "");
    eval = calloc(1, sizeof *eval);
    if (eval) eval->arena = vd_arena_new(ARENA_BYTES);
    if (!eval || !eval->arena) return no_memory(why);
    vd_slice_to_chars(vd_slice_str(split), eval->split, sizeof eval->split);
    eval->dataset = vd_sha256(manifest);
    vd_err err = vd_json_parse(manifest, VD_EVAL_MANIFEST_BYTES, VD_LIMIT_JSON_DEPTH, &root, why);
    if (!err) err = read_root(eval, root, why);
    if (err) return err;
    *ret_eval = eval;
    eval = NULL;
    return VD_OK;
}

vd_eval *vd_eval_free(vd_eval *eval)
{
    if (!eval) return NULL;
    vd_arena_free(eval->arena);
    free(eval);
    return NULL;
}

const vd_digest *vd_eval_dataset(const vd_eval *eval)
{
    return &eval->dataset;
}

bool vd_eval_classifies(const vd_eval *eval)
{
    return eval->classifies;
}

size_t vd_eval_count(const vd_eval *eval)
{
    return eval->count;
}

const vd_eval_picture *vd_eval_at(const vd_eval *eval, size_t index)
{
    return &eval->pictures[index].is;
}

size_t vd_eval_class_count(const vd_eval *eval)
{
    return eval->class_count;
}

const char *vd_eval_class(const vd_eval *eval, size_t index)
{
    return index < eval->class_count ? eval->classes[index] : NULL;
}

const char *eval_camera(const vd_eval_picture *picture, char into[2 * VD_LIMIT_NAME_BYTES + 2])
{
    (void)snprintf(into, 2 * VD_LIMIT_NAME_BYTES + 2, "%s/%s", picture->device, picture->camera);
    return into;
}
