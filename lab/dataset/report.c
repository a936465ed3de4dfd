/* report.c - what a dataset version is like: balance, coverage, warnings, and what changed between
 * two of them. All from the manifests, but how often a split was used. */
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "vd/json.h"

#define FEW_PICTURES 30
#define FEW_GROUPS   3
#define HOUR_US      3600000000ll

typedef struct {
    int64_t in[VD_SPLIT_COUNT];
} counts;

static void write_counts(vd_json_w *w, const char *key, const counts *c)
{
    vd_json_w_key(w, key);
    vd_json_w_object(w);
    for (int i = 0; i < VD_SPLIT_COUNT; i++)
        vd_json_w_kv_int(w, vd_split_word((vd_split)i), c->in[i]);
    vd_json_w_object_end(w);
}

static unsigned class_boxes(const vd_manifest_picture *p, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < p->box_count; i++) count += strcmp(p->box[i].class_name, name) == 0;
    return count;
}

static void count_class(const vd_manifest *m, const char *name, counts *boxes, counts *pictures)
{
    for (unsigned i = 0; i < m->count; i++) {
        const vd_manifest_picture *p = &m->picture[i];
        unsigned count = class_boxes(p, name);
        boxes->in[p->split] += count;
        pictures->in[p->split] += count || (p->class_name && strcmp(p->class_name, name) == 0);
    }
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static unsigned groups_in(const vd_manifest *m, vd_split split)
{
    unsigned count = 0, distinct = 0;
    const char **names = calloc(m->count + 1, sizeof *names);
    for (unsigned i = 0; names && i < m->count; i++)
        if (m->picture[i].split == split) names[count++] = m->picture[i].group;
    if (count) qsort(names, count, sizeof *names, by_text);
    for (unsigned i = 0; i < count; i++) distinct += !i || strcmp(names[i - 1], names[i]) != 0;
    free(names);
    return distinct;
}

/* ---- warnings ---- */

static void warn(vd_json_w *w, const char *fact, const char *hint)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "fact", fact);
    if (hint) vd_json_w_kv_text(w, "hint", hint);
    vd_json_w_object_end(w);
}

static void warn_class(const vd_manifest *m, const char *name, const counts *all, vd_json_w *w)
{
    char fact[200];
    counts boxes = { 0 }, pictures = { 0 };
    count_class(m, name, &boxes, &pictures);
    for (int i = 0; i < VD_SPLIT_COUNT; i++) {
        if (pictures.in[i] || !all->in[i]) continue;
        (void)snprintf(fact, sizeof fact, "the class '%s' is missing in %s", name,
                       vd_split_word((vd_split)i));
        warn(w, fact,
             i == VD_SPLIT_TRAIN
                 ? "it cannot be learned: label it at more times, or use another seed"
                 : "it cannot be measured there: label it at more times and cameras");
    }
}

static void warn_splits(const vd_manifest *m, const counts *all, vd_json_w *w)
{
    char fact[160];
    for (int i = 0; i < VD_SPLIT_COUNT; i++) {
        bool meant = i == VD_SPLIT_TRAIN || (i == VD_SPLIT_VAL ? m->val : m->test) > 0;
        unsigned groups = groups_in(m, (vd_split)i);
        if (!meant || groups >= FEW_GROUPS) continue;
        (void)snprintf(fact, sizeof fact, "the split %s has %u group%s of pictures",
                       vd_split_word((vd_split)i), groups, groups == 1 ? "" : "s");
        warn(w, fact,
             all->in[i] ? "what is measured on so few is not certain: label pictures of "
                          "other times and cameras"
                        : "it is empty: label pictures of other times and cameras, or use "
                          "shorter blocks");
    }
}

static void warn_made(const vd_dataset_made *made, vd_json_w *w)
{
    char fact[160];
    if (made->left_out) {
        (void)snprintf(fact, sizeof fact, "%u picture%s left out: within a second of another split",
                       made->left_out, made->left_out == 1 ? " is" : "s are");
        warn(w, fact, "neighbours in two splits would make a model look better than it is");
    }
    if (made->timeless) {
        (void)snprintf(fact, sizeof fact, "%u picture%s no known time and are split one by one",
                       made->timeless, made->timeless == 1 ? " has" : "s have");
        warn(w, fact, "if they come from one film, neighbours may lie in two splits");
    }
    if (made->skipped) {
        (void)snprintf(fact, sizeof fact, "%u labelled picture%s not for this task", made->skipped,
                       made->skipped == 1 ? " is" : "s are");
        warn(w, fact, NULL);
    }
}

void vd_manifest_write_warnings(const vd_manifest *m, const vd_dataset_made *made, vd_json_w *w)
{
    char fact[120];
    counts all = { 0 };
    unsigned empty = 0;
    for (unsigned i = 0; i < m->count; i++) {
        all.in[m->picture[i].split]++;
        empty += !m->picture[i].box_count && !m->picture[i].class_name;
    }
    vd_json_w_key(w, "warnings");
    vd_json_w_list(w);
    if (m->count < FEW_PICTURES) {
        (void)snprintf(fact, sizeof fact, "only %u pictures", m->count);
        warn(w, fact, "figures of a model made from so few say little: label more");
    }
    warn_splits(m, &all, w);
    for (unsigned i = 0; i < m->class_count; i++) warn_class(m, m->classes[i], &all, w);
    if (!empty && strcmp(m->task, "detection") == 0)
        warn(w, "no picture has nothing in it",
             "false alarms are unlearned from pictures with the verdict 'nothing'");
    if (made) warn_made(made, w);
    vd_json_w_list_end(w);
}

/* ---- the report ---- */

typedef struct {
    int64_t count[VD_SPLIT_COUNT], last_us[VD_SPLIT_COUNT];
} uses;

static vd_err read_uses(vd_store *store, const vd_digest *digest, uses *ret, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, "dataset_uses");
    vd_bind_text(rows, "dataset", digest->hex);
    while ((err = vd_stmt_row(rows, why)) == VD_OK)
        for (int i = 0; i < VD_SPLIT_COUNT; i++) {
            if (strcmp(vd_col_text(rows, 0), vd_split_word((vd_split)i)) != 0) continue;
            ret->count[i] = vd_col_int(rows, 1);
            ret->last_us[i] = vd_col_int(rows, 2);
        }
    return err == VD_ABSENT ? VD_OK : err;
}

static void write_splits(const vd_manifest *m, const uses *used, vd_json_w *w)
{
    counts pictures = { 0 }, boxes = { 0 }, empty = { 0 };
    for (unsigned i = 0; i < m->count; i++) {
        const vd_manifest_picture *p = &m->picture[i];
        pictures.in[p->split]++;
        boxes.in[p->split] += p->box_count;
        empty.in[p->split] += !p->box_count && !p->class_name;
    }
    vd_json_w_key(w, "splits");
    vd_json_w_list(w);
    for (int i = 0; i < VD_SPLIT_COUNT; i++) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "split", vd_split_word((vd_split)i));
        vd_json_w_kv_int(w, "pictures", pictures.in[i]);
        vd_json_w_kv_int(w, "boxes", boxes.in[i]);
        vd_json_w_kv_int(w, "empty", empty.in[i]);
        vd_json_w_kv_int(w, "groups", groups_in(m, (vd_split)i));
        vd_json_w_kv_int(w, "uses", used->count[i]);
        if (used->count[i]) vd_json_w_kv_time(w, "last_used_at", used->last_us[i]);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void write_classes(const vd_manifest *m, vd_json_w *w)
{
    vd_json_w_key(w, "classes");
    vd_json_w_list(w);
    for (unsigned i = 0; i < m->class_count; i++) {
        counts boxes = { 0 }, pictures = { 0 };
        count_class(m, m->classes[i], &boxes, &pictures);
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "class", m->classes[i]);
        write_counts(w, "boxes", &boxes);
        write_counts(w, "pictures", &pictures);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static int by_camera(const void *left, const void *right)
{
    const vd_manifest_picture *a = *(const vd_manifest_picture *const *)left;
    const vd_manifest_picture *b = *(const vd_manifest_picture *const *)right;
    int order = strcmp(a->device, b->device);
    return order ? order : strcmp(a->camera, b->camera);
}

static void write_camera(const vd_manifest_picture *const *at, unsigned count, vd_json_w *w)
{
    counts pictures = { 0 }, boxes = { 0 };
    for (unsigned i = 0; i < count; i++) {
        pictures.in[at[i]->split]++;
        boxes.in[at[i]->split] += at[i]->box_count;
    }
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "device", at[0]->device);
    vd_json_w_kv_text(w, "camera", at[0]->camera);
    write_counts(w, "pictures", &pictures);
    write_counts(w, "boxes", &boxes);
    vd_json_w_object_end(w);
}

static void write_cameras(const vd_manifest *m, vd_json_w *w)
{
    const vd_manifest_picture **at = calloc(m->count + 1, sizeof *at);
    unsigned first = 0;
    for (unsigned i = 0; at && i < m->count; i++) at[i] = &m->picture[i];
    if (at && m->count) qsort(at, m->count, sizeof *at, by_camera);
    vd_json_w_key(w, "cameras");
    vd_json_w_list(w);
    for (unsigned i = 1; at && i <= m->count; i++) {
        if (i < m->count && by_camera(&at[first], &at[i]) == 0) continue;
        write_camera(at + first, i - first, w);
        first = i;
    }
    vd_json_w_list_end(w);
    free(at);
}

static void write_hours(const vd_manifest *m, vd_json_w *w)
{
    counts hour[24] = { 0 };
    for (unsigned i = 0; i < m->count; i++)
        hour[(m->picture[i].captured_us / HOUR_US % 24 + 24) % 24].in[m->picture[i].split]++;
    vd_json_w_key(w, "hours");
    vd_json_w_list(w);
    for (int i = 0; i < 24; i++) {
        if (!hour[i].in[0] && !hour[i].in[1] && !hour[i].in[2]) continue;
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "hour", i);
        write_counts(w, "pictures", &hour[i]);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

vd_err vd_dataset_write_report(vd_store *store, const vd_digest *digest,
                               const vd_manifest *manifest, vd_json_w *w, vd_why *why)
{
    uses used = { 0 };
    vd_json_w_key(w, "dataset");
    vd_err err = vd_dataset_write(store, digest, w, why);
    if (!err) err = read_uses(store, digest, &used, why);
    if (err) return err;
    write_splits(manifest, &used, w);
    write_classes(manifest, w);
    write_cameras(manifest, w);
    write_hours(manifest, w);
    vd_manifest_write_warnings(manifest, NULL, w);
    return VD_OK;
}

/* ---- the difference ---- */

typedef enum { ADDED, REMOVED, RELABELLED, MOVED, SAME } change;

static bool text_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Both were rounded in the same way: equal numbers are equal to the last bit. */
static bool box_same(const vd_label_box *a, const vd_label_box *b)
{
    bool place = a->l == b->l && a->t == b->t && a->w == b->w && a->h == b->h;
    return place && strcmp(a->class_name, b->class_name) == 0 && a->has_track == b->has_track &&
           a->track == b->track;
}

static change compare(const vd_manifest_picture *a, const vd_manifest_picture *b)
{
    if (!a) return ADDED;
    if (!b) return REMOVED;
    bool same = text_same(a->class_name, b->class_name) && a->box_count == b->box_count;
    for (unsigned i = 0; same && i < a->box_count; i++) same = box_same(&a->box[i], &b->box[i]);
    if (!same) return RELABELLED;
    return a->split == b->split ? SAME : MOVED;
}

/* Both are in the order of digests: one walk over both tells. Writes those of one kind. */
static int64_t walk(const vd_manifest *from, const vd_manifest *to, change wanted, vd_json_w *w)
{
    int64_t count = 0;
    for (unsigned i = 0, j = 0; i < from->count || j < to->count;) {
        const vd_manifest_picture *a = i < from->count ? &from->picture[i] : NULL;
        const vd_manifest_picture *b = j < to->count ? &to->picture[j] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->picture.hex, b->picture.hex);
        if (order < 0) b = NULL;
        if (order > 0) a = NULL;
        i += a != NULL;
        j += b != NULL;
        if (compare(a, b) != wanted) continue;
        count++;
        if (w) vd_json_w_text(w, a ? a->picture.hex : b->picture.hex);
    }
    return count;
}

void vd_manifest_write_diff(const vd_manifest *from, const vd_manifest *to, vd_json_w *w)
{
    static const char *const names[] = { "added", "removed", "relabelled", "moved" };
    for (int kind = ADDED; kind < SAME; kind++) {
        vd_json_w_key(w, names[kind]);
        vd_json_w_list(w);
        (void)walk(from, to, (change)kind, w);
        vd_json_w_list_end(w);
    }
    vd_json_w_kv_int(w, "same", walk(from, to, SAME, NULL));
}
