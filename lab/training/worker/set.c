#include "set_priv.h"

#include <math.h>

#include "vd/file.h"

static const char *const split_names[] = { "train", "val", "test" };

static vd_err bad_picture(const set_picture *p, vd_why *why, const char *fact)
{
    vd_fail(why, VD_INVALID, "%s", fact);
    vd_why_detail(why, "picture %.64s of the dataset", p->digest ? p->digest : "?");
    vd_why_hint(why, "correct its label and make a new version of the dataset");
    return VD_INVALID;
}

static int class_of(const set *s, const char *name)
{
    for (unsigned i = 0; name && i < s->class_count; i++)
        if (strcmp(s->classes[i], name) == 0) return (int)i;
    return -1;
}

/* A box may touch the edge but not leave the picture; a hair beyond is rounding. */
static bool read_edges(const vd_json *list, set_box *box)
{
    double edge[4];
    const double hair = 1e-3;
    for (size_t i = 0; i < 4; i++) edge[i] = vd_json_num(vd_json_at(list, i), NAN);
    bool inside = vd_json_len(list) == 4 && edge[0] >= -hair && edge[1] >= -hair && edge[2] > 0 &&
                  edge[3] > 0 && edge[0] + edge[2] <= 1 + hair && edge[1] + edge[3] <= 1 + hair;
    box->l = (float)edge[0];
    box->t = (float)edge[1];
    box->w = (float)edge[2];
    box->h = (float)edge[3];
    return inside;
}

static vd_err read_boxes(set *s, const vd_json *list, set_picture *p, vd_why *why)
{
    size_t count = vd_json_len(list);
    if (count > SET_BOXES_MAX) return bad_picture(p, why, "a picture has too many boxes");
    p->box = vd_arena_alloc(s->arena, (count + 1) * sizeof(*p->box));
    if (!p->box) return vd_fail(why, VD_FULL, "there is no memory for the dataset");
    for (size_t i = 0; i < count; i++) {
        const vd_json *item = vd_json_at(list, i);
        int class_id = class_of(s, vd_json_text(vd_json_get(item, "class"), NULL));
        if (class_id < 0) return bad_picture(p, why, "a box has a class that is not in the list");
        if (!read_edges(vd_json_get(item, "box"), &p->box[i]))
            return bad_picture(p, why, "a box lies outside the picture");
        p->box[i].class_id = (unsigned)class_id;
        p->box_count++;
        s->uses[class_id] += p->split == SET_TRAIN;
    }
    return VD_OK;
}

static vd_err read_picture(set *s, const vd_json *item, set_picture *p, vd_why *why)
{
    vd_digest digest;
    const char *split = vd_json_text(vd_json_get(item, "split"), "");
    const char *name = vd_json_text(vd_json_get(item, "class"), NULL);
    p->digest = vd_json_text(vd_json_get(item, "picture"), NULL);
    p->split = SET_SPLITS;
    for (unsigned i = 0; i < SET_SPLITS; i++)
        if (strcmp(split, split_names[i]) == 0) p->split = (set_split)i;
    if (!p->digest || strlen(p->digest) != VD_SHA256_HEX ||
        !vd_digest_parse(vd_slice_str(p->digest), &digest))
        return bad_picture(p, why, "a picture is not named by its SHA-256");
    if (p->split == SET_SPLITS) return bad_picture(p, why, "a picture belongs to no split");
    s->split_count[p->split]++;
    p->class_id = class_of(s, name);
    if (s->detection) return read_boxes(s, vd_json_get(item, "boxes"), p, why);
    if (p->class_id < 0) return bad_picture(p, why, "a picture has no class of the list");
    s->uses[p->class_id] += p->split == SET_TRAIN;
    return VD_OK;
}

static vd_err read_classes(set *s, vd_why *why)
{
    const vd_json *list = vd_json_get(s->json, "classes");
    size_t count = vd_json_len(list);
    if (count < 1 || count > SET_CLASSES_MAX)
        return vd_fail(why, VD_INVALID, "the dataset has no classes");
    s->classes = vd_arena_alloc(s->arena, count * sizeof(*s->classes));
    s->uses = vd_arena_alloc(s->arena, count * sizeof(*s->uses));
    if (!s->classes || !s->uses) return vd_fail(why, VD_FULL, "there is no memory");
    for (size_t i = 0; i < count; i++) {
        s->classes[s->class_count] = vd_json_text(vd_json_at(list, i), NULL);
        if (!s->classes[s->class_count]) return vd_fail(why, VD_INVALID, "a class has no name");
        s->class_count++;
    }
    return VD_OK;
}

static vd_err check_splits(const set *s, vd_why *why)
{
    static const char *const lacking[] = { "train with", "validate with" };
    for (unsigned i = SET_TRAIN; i <= SET_VAL; i++) {
        if (s->split_count[i]) continue;
        vd_fail(why, VD_INVALID, "the dataset has no pictures to %s", lacking[i]);
        vd_why_detail(why, "train %u, val %u, test %u", s->split_count[0], s->split_count[1],
                      s->split_count[2]);
        vd_why_hint(why, "label pictures of more times or cameras, so that a split gets some");
        return VD_INVALID;
    }
    return VD_OK;
}

static vd_err read_manifest(set *s, vd_why *why)
{
    const char *format = vd_json_text(vd_json_get(s->json, "format"), "");
    const char *task = vd_json_text(vd_json_get(s->json, "task"), "detection");
    const vd_json *list = vd_json_get(s->json, "pictures");
    size_t count = vd_json_len(list);
    if (strcmp(format, "vedette.dataset/1") != 0)
        return vd_fail(why, VD_INVALID, "the file is no dataset manifest (vedette.dataset/1)");
    s->detection = strcmp(task, "detection") == 0;
    if (!s->detection && strcmp(task, "classification") != 0)
        return vd_fail(why, VD_INVALID, "'%.40s' is no task: detection or classification", task);
    if (count > SET_PICTURES_MAX)
        return vd_fail(why, VD_FULL, "a dataset of %zu pictures is too large", count);
    vd_err err = read_classes(s, why);
    if (err) return err;
    s->picture = vd_arena_alloc(s->arena, (count + 1) * sizeof(*s->picture));
    if (!s->picture) return vd_fail(why, VD_FULL, "there is no memory for the dataset");
    for (size_t i = 0; i < count && !err; i++)
        err = read_picture(s, vd_json_at(list, i), &s->picture[s->picture_count++], why);
    return err ? err : check_splits(s, why);
}

vd_err set_load(const char *path, set *ret_set, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(SET_BYTES_MAX);
    VD_AUTO(set) s = { .arena = vd_arena_new(SET_BYTES_MAX) };
    if (!s.arena) return vd_fail(why, VD_FULL, "there is no memory for the dataset");
    vd_err err = vd_file_load(path, &text, why);
    if (!err) s.digest = vd_sha256(vd_buf_slice(&text));
    if (!err) err = vd_json_parse(vd_buf_slice(&text), SET_BYTES_MAX, 8, &s.json, why);
    if (!err) err = read_manifest(&s, why);
    if (err) return err;
    *ret_set = s;
    s = (set){ 0 };
    return VD_OK;
}

void set_done(set *s)
{
    s->arena = vd_arena_free(s->arena);
    s->json = vd_json_free(s->json);
}
