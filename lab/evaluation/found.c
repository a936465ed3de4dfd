/* found.c - what a model found: one call a picture, or JSON lines. */
#include "eval_priv.h"

#include <math.h>
#include <stdlib.h>

static int class_of(const vd_eval *eval, const char *name)
{
    for (size_t n = 0; name && n < eval->class_count; n++)
        if (strcmp(eval->classes[n], name) == 0) return (int)n;
    return -1;
}

static bool plausible(const vd_eval_found *f)
{
    return f->score >= 0 && f->score <= 1 && isfinite(f->l) && isfinite(f->t) && f->w > 0 &&
           f->h > 0 && isfinite(f->w) && isfinite(f->h);
}

/* Insertion keeps equal scores as they came; a model's answer is sorted already. */
static void sort(eval_found *found, unsigned count)
{
    for (unsigned n = 1; n < count; n++) {
        eval_found one = found[n];
        unsigned at = n;
        for (; at > 0 && found[at - 1].score < one.score; at--) found[at] = found[at - 1];
        found[at] = one;
    }
}

static void note_stranger(vd_eval *eval, const char *name)
{
    if (!eval->strangers++)
        eval->strange_name = vd_arena_str(eval->arena, vd_slice_str(name ? name : ""));
}

vd_err vd_eval_add(vd_eval *eval, size_t picture, const vd_eval_found *found, size_t count,
                   int64_t run_us, vd_why *why)
{
    eval_picture *into = &eval->pictures[picture];
    if (into->added || into->skipped)
        return vd_fail(why, VD_CONFLICT, "picture %.12s was measured already", into->is.picture);
    if (count > EVAL_FOUND_MAX)
        return vd_fail(why, VD_INVALID, "picture %.12s has more than %u detections",
                       into->is.picture, EVAL_FOUND_MAX);
    eval_found *kept = vd_arena_alloc(eval->arena, count * sizeof *kept);
    if (!kept) return vd_fail(why, VD_FULL, "no memory for the detections");
    unsigned have = 0;
    for (size_t n = 0; n < count; n++) {
        int class_index = class_of(eval, found[n].class_name);
        if (!plausible(&found[n]))
            return vd_fail(why, VD_INVALID,
                           "detection %zu of picture %.12s makes no sense: its "
                           "score is outside 0..1 or its box has no extent",
                           n + 1, into->is.picture);
        if (class_index < 0) {
            note_stranger(eval, found[n].class_name);
            continue;
        }
        kept[have] = (eval_found){
            (uint16_t)class_index, found[n].score, found[n].l, found[n].t, found[n].w, found[n].h
        };
        if (eval->classifies) kept[have].l = kept[have].t = 0, kept[have].w = kept[have].h = 1;
        have++;
    }
    sort(kept, have);
    into->found = kept;
    into->found_count = have;
    into->run_us = run_us;
    into->added = true;
    return VD_OK;
}

vd_err vd_eval_skip(vd_eval *eval, size_t picture, const char *reason, vd_why *why)
{
    eval_picture *into = &eval->pictures[picture];
    if (into->added || into->skipped)
        return vd_fail(why, VD_CONFLICT, "picture %.12s was measured already", into->is.picture);
    into->skipped = vd_arena_str(eval->arena, vd_slice_str(reason));
    return into->skipped ? VD_OK : vd_fail(why, VD_FULL, "no memory for the detections");
}

/* ---- JSON lines ---- */

static bool find(const vd_eval *eval, const char *name, size_t *ret_index)
{
    size_t low = 0, high = eval->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(eval->pictures[eval->by_name[middle]].is.picture, name);
        if (order == 0) {
            *ret_index = eval->by_name[middle];
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static vd_eval_found read_one(const vd_json *node)
{
    const vd_json *box = vd_json_get(node, "box");
    return (vd_eval_found){ .class_name = vd_json_text(vd_json_get(node, "class"), NULL),
                            .score = vd_json_num(vd_json_get(node, "score"), NAN),
                            .l = vd_json_num(vd_json_at(box, 0), 0),
                            .t = vd_json_num(vd_json_at(box, 1), 0),
                            .w = vd_json_num(vd_json_at(box, 2), 1),
                            .h = vd_json_num(vd_json_at(box, 3), 1) };
}

static vd_err add_line(vd_eval *eval, const vd_json *root, vd_why *why)
{
    size_t picture = 0;
    const vd_json *list = vd_json_get(root, "detections");
    size_t count = vd_json_len(list);
    const char *name = vd_json_text(vd_json_get(root, "picture"), NULL);
    if (!name || vd_json_kind_of(list) != VD_JSON_IS_LIST)
        return vd_fail(why, VD_INVALID, "'picture' or 'detections' is missing");
    if (!find(eval, name, &picture)) return VD_OK; /* of another split */
    const char *skipped = vd_json_text(vd_json_get(root, "skipped"), NULL);
    if (skipped) return vd_eval_skip(eval, picture, skipped, why);
    if (count > EVAL_FOUND_MAX) return vd_fail(why, VD_INVALID, "there are too many detections");
    vd_eval_found *found = calloc(count ? count : 1, sizeof *found);
    if (!found) return vd_fail(why, VD_FULL, "no memory for the detections");
    for (size_t n = 0; n < count; n++) found[n] = read_one(vd_json_at(list, n));
    vd_err err =
        vd_eval_add(eval, picture, found, count, vd_json_int(vd_json_get(root, "run_us"), -1), why);
    free(found);
    return err;
}

vd_err vd_eval_add_lines(vd_eval *eval, vd_slice jsonl, vd_why *why)
{
    unsigned number = 0;
    vd_err err = VD_OK;
    while (!err && jsonl.len) {
        VD_AUTO(vd_json_ptr) root = NULL;
        vd_slice line = vd_slice_cut(jsonl, '\n', &jsonl);
        number++;
        if (!line.len) continue;
        err = vd_json_parse(line, 8u << 20, VD_LIMIT_JSON_DEPTH, &root, why);
        if (!err) err = add_line(eval, root, why);
        if (err) vd_why_detail(why, "line %u of the detections", number);
    }
    return err;
}

vd_err vd_eval_line(const vd_eval *eval, size_t picture, vd_buf *into)
{
    const eval_picture *p = &eval->pictures[picture];
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "picture", p->is.picture);
    vd_json_w_kv_int(&w, "run_us", p->run_us);
    if (p->skipped) vd_json_w_kv_text(&w, "skipped", p->skipped);
    vd_json_w_key(&w, "detections");
    vd_json_w_list(&w);
    for (unsigned n = 0; n < p->found_count; n++) {
        const eval_found *f = &p->found[n];
        double box[4] = { f->l, f->t, f->w, f->h };
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "class", eval->classes[f->class_index]);
        vd_json_w_kv_num(&w, "score", f->score, 6);
        vd_json_w_key(&w, "box");
        vd_json_w_list(&w);
        for (int k = 0; k < 4; k++) vd_json_w_num(&w, box[k], 6);
        vd_json_w_list_end(&w);
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (!err && !vd_buf_add_byte(into, '\n')) err = VD_FULL;
    return err;
}
