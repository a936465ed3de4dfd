/* split.c - groups into splits: a pure function of the pictures and the seed.
 *
 * A group is a camera's block of time; a picture without a known time is its own group. Groups go
 * one after the other, those with the rarest class first, the seed deciding between equals, each
 * into the split that lacks most of what the group has. At the border of two blocks neighbours may
 * still stand side by side: nearer than a second to a picture of a stricter split, a picture is
 * taken out. */
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"

#define NEAR_US 1000000

typedef struct {
    const char *name;
    unsigned first, count; /* in the order of groups */
    double rarest;         /* the smallest total among its classes */
    uint64_t lot;          /* drawn by the seed */
} group;

typedef struct {
    vd_manifest *m;
    unsigned *order; /* pictures, group by group */
    group *groups;
    unsigned group_count, kinds; /* classes, "nothing", and pictures as such */
    double *total, *have[VD_SPLIT_COUNT], *of_group;
    double part[VD_SPLIT_COUNT];
} splitting;

static _Thread_local const vd_manifest *sorting; /* what qsort looks at */

static int by_group(const void *left, const void *right)
{
    const vd_manifest_picture *a = &sorting->picture[*(const unsigned *)left];
    const vd_manifest_picture *b = &sorting->picture[*(const unsigned *)right];
    int order = strcmp(a->group, b->group);
    return order ? order : strcmp(a->picture.hex, b->picture.hex);
}

static int by_camera_time(const void *left, const void *right)
{
    const vd_manifest_picture *a = &sorting->picture[*(const unsigned *)left];
    const vd_manifest_picture *b = &sorting->picture[*(const unsigned *)right];
    int order = strcmp(a->device, b->device);
    if (!order) order = strcmp(a->camera, b->camera);
    if (order) return order;
    return (a->captured_us > b->captured_us) - (a->captured_us < b->captured_us);
}

static int by_rarity(const void *left, const void *right)
{
    const group *a = left, *b = right;
    if (a->rarest < b->rarest || a->rarest > b->rarest) return a->rarest < b->rarest ? -1 : 1;
    return (a->lot > b->lot) - (a->lot < b->lot);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static vd_err name_group(const vd_manifest *m, vd_manifest_picture *p, bool timeless,
                         vd_arena *arena, vd_why *why)
{
    int64_t block = p->captured_us / (m->block_s * 1000000);
    p->group = timeless
                   ? vd_arena_printf(arena, "%s/%s/p-%.16s", p->device, p->camera, p->picture.hex)
                   : vd_arena_printf(arena, "%s/%s/%lld", p->device, p->camera, (long long)block);
    return p->group ? VD_OK : vd_fail(why, VD_FULL, "the dataset is too large");
}

static void count_picture(const splitting *s, const vd_manifest_picture *p, double *into)
{
    unsigned classes = s->m->class_count;
    into[classes + 1] += 1;
    if (!p->box_count && !p->class_name) into[classes] += 1;
    for (unsigned i = 0; i <= p->box_count; i++) {
        const char *name = i < p->box_count ? p->box[i].class_name : p->class_name;
        if (!name || !classes) continue;
        const char **at = bsearch(&name, s->m->classes, classes, sizeof name, by_name);
        if (at) into[at - s->m->classes] += 1;
    }
}

static uint64_t lot_of(uint64_t seed, const char *name)
{
    char text[400];
    uint64_t lot = 0;
    (void)snprintf(text, sizeof text, "%llu|%s", (unsigned long long)seed, name);
    vd_digest digest = vd_sha256(vd_slice_str(text));
    for (int i = 0; i < 16; i++) {
        char c = digest.hex[i];
        lot = lot << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return lot;
}

static vd_err splitting_new(splitting *s, vd_arena *arena, vd_why *why)
{
    unsigned count = s->m->count;
    s->kinds = s->m->class_count + 2;
    s->order = vd_arena_alloc(arena, count * sizeof *s->order);
    s->groups = vd_arena_alloc(arena, count * sizeof *s->groups);
    s->total = vd_arena_alloc(arena, s->kinds * sizeof(double));
    s->of_group = vd_arena_alloc(arena, s->kinds * sizeof(double));
    bool ok = s->order && s->groups && s->total && s->of_group;
    for (int i = 0; i < VD_SPLIT_COUNT; i++) {
        s->have[i] = vd_arena_alloc(arena, s->kinds * sizeof(double));
        ok = ok && s->have[i];
    }
    s->part[VD_SPLIT_VAL] = s->m->val;
    s->part[VD_SPLIT_TEST] = s->m->test;
    s->part[VD_SPLIT_TRAIN] = 1 - s->m->val - s->m->test;
    return ok ? VD_OK : vd_fail(why, VD_FULL, "the dataset is too large");
}

static void count_group(splitting *s, const group *g)
{
    memset(s->of_group, 0, s->kinds * sizeof(double));
    for (unsigned i = 0; i < g->count; i++)
        count_picture(s, &s->m->picture[s->order[g->first + i]], s->of_group);
}

static void find_groups(splitting *s)
{
    vd_manifest *m = s->m;
    sorting = m;
    for (unsigned i = 0; i < m->count; i++) {
        s->order[i] = i;
        count_picture(s, &m->picture[i], s->total);
    }
    if (m->count) qsort(s->order, m->count, sizeof *s->order, by_group);
    for (unsigned i = 0; i < m->count; i++) {
        const char *name = m->picture[s->order[i]].group;
        group *last = s->group_count ? &s->groups[s->group_count - 1] : NULL;
        if (!last || strcmp(last->name, name) != 0) {
            last = &s->groups[s->group_count++];
            *last = (group){ .name = name, .first = i, .lot = lot_of(m->seed, name) };
        }
        last->count++;
    }
    for (unsigned i = 0; i < s->group_count; i++) {
        group *g = &s->groups[i];
        count_group(s, g);
        g->rarest = m->count;
        for (unsigned k = 0; k < s->kinds - 1; k++)
            if (s->of_group[k] > 0 && s->total[k] < g->rarest) g->rarest = s->total[k];
    }
    if (s->group_count) qsort(s->groups, s->group_count, sizeof *s->groups, by_rarity);
}

/* How much of what the group has is still lacking in the split. */
static double lack(const splitting *s, int split)
{
    double sum = 0;
    for (unsigned k = 0; k < s->kinds; k++) {
        if (s->of_group[k] <= 0) continue;
        double missing = s->part[split] * s->total[k] - s->have[split][k];
        sum += s->of_group[k] / s->total[k] * missing / s->total[k];
    }
    return sum;
}

static void assign(splitting *s)
{
    for (unsigned i = 0; i < s->group_count; i++) {
        const group *g = &s->groups[i];
        count_group(s, g);
        int best = VD_SPLIT_TRAIN;
        for (int split = 0; split < VD_SPLIT_COUNT; split++)
            if (s->part[split] > 0 && lack(s, split) > lack(s, best)) best = split;
        for (unsigned k = 0; k < s->kinds; k++) s->have[best][k] += s->of_group[k];
        for (unsigned n = 0; n < g->count; n++)
            s->m->picture[s->order[g->first + n]].split = (vd_split)best;
    }
}

/* test is the strictest, then val, then train: the order of the enum. */
static void part_neighbours(splitting *s, const bool *timeless, bool *out)
{
    vd_manifest *m = s->m;
    for (unsigned i = 0; i < m->count; i++) s->order[i] = i;
    if (m->count) qsort(s->order, m->count, sizeof *s->order, by_camera_time);
    for (unsigned i = 0; i < m->count; i++) {
        const vd_manifest_picture *p = &m->picture[s->order[i]];
        for (unsigned j = i; j-- > 0;) {
            const vd_manifest_picture *q = &m->picture[s->order[j]];
            if (strcmp(p->device, q->device) != 0 || strcmp(p->camera, q->camera) != 0 ||
                p->captured_us - q->captured_us >= NEAR_US)
                break;
            if (timeless && (timeless[s->order[i]] || timeless[s->order[j]])) continue;
            if (p->split != q->split) out[s->order[p->split < q->split ? i : j]] = true;
        }
    }
}

static unsigned take_out(vd_manifest *m, const bool *out)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < m->count; i++)
        if (!out[i]) m->picture[kept++] = m->picture[i];
    unsigned left_out = m->count - kept;
    m->count = kept;
    return left_out;
}

vd_err vd_manifest_split(vd_manifest *m, const bool *timeless, vd_arena *arena,
                         unsigned *ret_left_out, vd_why *why)
{
    splitting s = { .m = m };
    if (m->block_s < 1 || !(m->val >= 0) || !(m->test >= 0) || !(m->val + m->test < 1)) {
        (void)vd_fail(why, VD_INVALID, "the parts of the splits do not fit");
        vd_why_hint(why, "block_s is at least 1; val and test are 0 or more, together under 1");
        return VD_INVALID;
    }
    vd_err err = VD_OK;
    for (unsigned i = 0; !err && i < m->count; i++)
        err = name_group(m, &m->picture[i], timeless && timeless[i], arena, why);
    if (!err) err = splitting_new(&s, arena, why);
    bool *out = err ? NULL : vd_arena_alloc(arena, m->count * sizeof *out);
    if (!err && !out) err = vd_fail(why, VD_FULL, "the dataset is too large");
    if (err) return err;
    find_groups(&s);
    assign(&s);
    part_neighbours(&s, timeless, out);
    *ret_left_out = take_out(m, out);
    return VD_OK;
}
