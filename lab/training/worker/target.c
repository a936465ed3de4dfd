#include "target_priv.h"

#include <math.h>
#include <stdlib.h>

#define SPREAD 0.54f /* of a hill: this part of the box's half sides */
#define FAINT  1.19e-7f

static int order_by_area(const void *a, const void *b)
{
    const view_box *x = a, *y = b;
    float left = (x->r - x->l) * (x->b - x->t), right = (y->r - y->l) * (y->b - y->t);
    return left < right ? 1 : left > right ? -1 : 0;
}

typedef struct {
    int x, y, reach_x, reach_y;
    float soft_x, soft_y; /* standard deviations */
} hill;

static hill hill_of(const target_shape *s, const view_box *b)
{
    float wide = (b->r - b->l) / s->stride, high = (b->b - b->t) / s->stride;
    int x = (int)((b->l + b->r) / 2 / s->stride), y = (int)((b->t + b->b) / 2 / s->stride);
    hill h = { .x = x < (int)s->width ? x : (int)s->width - 1,
               .y = y < (int)s->height ? y : (int)s->height - 1,
               .reach_x = (int)(wide / 2 * SPREAD),
               .reach_y = (int)(high / 2 * SPREAD) };
    h.soft_x = (float)(2 * h.reach_x + 1) / 6;
    h.soft_y = (float)(2 * h.reach_y + 1) / 6;
    return h;
}

static float height_at(const hill *h, int x, int y)
{
    float dx = (float)(x - h->x) / h->soft_x, dy = (float)(y - h->y) / h->soft_y;
    float value = expf(-(dx * dx + dy * dy) / 2);
    return value < FAINT ? 0 : value;
}

typedef struct {
    int from_x, to_x, from_y, to_y;
} area;

static area area_of(const target_shape *s, const hill *h)
{
    area a = { h->x - h->reach_x, h->x + h->reach_x, h->y - h->reach_y, h->y + h->reach_y };
    if (a.from_x < 0) a.from_x = 0;
    if (a.from_y < 0) a.from_y = 0;
    if (a.to_x >= (int)s->width) a.to_x = (int)s->width - 1;
    if (a.to_y >= (int)s->height) a.to_y = (int)s->height - 1;
    return a;
}

static float draw_heat(const target_shape *s, const hill *h, float *heat)
{
    area a = area_of(s, h);
    float sum = 0;
    for (int y = a.from_y; y <= a.to_y; y++)
        for (int x = a.from_x; x <= a.to_x; x++) {
            float value = height_at(h, x, y), *cell = &heat[(unsigned)y * s->width + (unsigned)x];
            if (value > *cell) *cell = value;
            sum += value;
        }
    return sum;
}

/* `all` is the thing's say, spread over its cells: the log of its area, so that large ones do not
 * drown small ones. */
static void draw_box(const target_shape *s, const hill *h, const view_box *b, float each,
                     float *box, float *weight)
{
    size_t plane = (size_t)s->height * s->width;
    area a = area_of(s, h);
    for (int y = a.from_y; y <= a.to_y; y++)
        for (int x = a.from_x; x <= a.to_x; x++) {
            size_t at = (size_t)y * s->width + (size_t)x;
            float px = (float)x * s->stride, py = (float)y * s->stride;
            box[at] = px - b->l;
            box[at + plane] = py - b->t;
            box[at + 2 * plane] = b->r - px;
            box[at + 3 * plane] = b->b - py;
            weight[at] = height_at(h, x, y) * each;
        }
}

void target_draw(const target_shape *s, const view *v, float *heat, float *box, float *weight)
{
    size_t plane = (size_t)s->height * s->width;
    view_box sorted[SET_BOXES_MAX];
    memset(heat, 0, plane * s->rows * sizeof(float));
    memset(box, 0, plane * 4 * sizeof(float));
    memset(weight, 0, plane * sizeof(float));
    memcpy(sorted, v->box, v->box_count * sizeof(*sorted));
    qsort(sorted, v->box_count, sizeof(*sorted), order_by_area);
    for (unsigned i = 0; i < v->box_count; i++) {
        const view_box *b = &sorted[i];
        int row = s->row_of[b->class_id];
        if (row < 0) continue;
        hill h = hill_of(s, b);
        float sum = draw_heat(s, &h, heat + (size_t)row * plane);
        float say = logf(1 + (b->r - b->l) * (b->b - b->t));
        if (sum > 0) draw_box(s, &h, b, say / sum, box, weight);
    }
}

static bool is_peak(const target_shape *s, const float *map, int x, int y)
{
    float here = map[(unsigned)y * s->width + (unsigned)x];
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int nx = x + dx, ny = y + dy;
            if (nx < 0 || ny < 0 || nx >= (int)s->width || ny >= (int)s->height) continue;
            if (map[(unsigned)ny * s->width + (unsigned)nx] > here) return false;
        }
    return true;
}

/* Keeps `into` sorted, best first. */
static unsigned keep(target_found into[FOUND_MAX], unsigned count, const target_found *found)
{
    if (count == FOUND_MAX && into[count - 1].score >= found->score) return count;
    unsigned at = count < FOUND_MAX ? count++ : count - 1;
    for (; at && into[at - 1].score < found->score; at--) into[at] = into[at - 1];
    into[at] = *found;
    return count;
}

unsigned target_decode(const target_shape *s, const float *heat, const float *size,
                       target_found into[FOUND_MAX])
{
    const float least = 0.05f;
    size_t plane = (size_t)s->height * s->width;
    unsigned count = 0;
    for (unsigned row = 0; row < s->rows; row++)
        for (int y = 0; y < (int)s->height; y++)
            for (int x = 0; x < (int)s->width; x++) {
                size_t at = (size_t)y * s->width + (size_t)x;
                float score = heat[row * plane + at];
                if (!(score >= least) || !is_peak(s, heat + row * plane, x, y)) continue;
                float px = (float)x * s->stride, py = (float)y * s->stride;
                target_found found = { .box = { px - size[at], py - size[at + plane],
                                                px + size[at + 2 * plane],
                                                py + size[at + 3 * plane], row },
                                       .score = score };
                count = keep(into, count, &found);
            }
    return count;
}

/* ---- how good is it ---- */

typedef struct {
    float score;
    bool right;
} hit;
struct tally {
    unsigned rows;
    hit **list;
    size_t *count, *room, *truths;
};

tally *tally_new(unsigned rows)
{
    tally *t = calloc(1, sizeof(*t));
    if (!t) return NULL;
    t->rows = rows;
    t->list = calloc(rows, sizeof(*t->list));
    t->count = calloc(rows * 3, sizeof(*t->count));
    if (!t->list || !t->count) return tally_free(t);
    t->room = t->count + rows;
    t->truths = t->room + rows;
    return t;
}

tally *tally_free(tally *t)
{
    for (unsigned i = 0; t && t->list && i < t->rows; i++) free(t->list[i]);
    if (t) free(t->list);
    if (t) free(t->count);
    free(t);
    return NULL;
}

static float overlap(const view_box *a, const view_box *b)
{
    float wide = fminf(a->r, b->r) - fmaxf(a->l, b->l),
          high = fminf(a->b, b->b) - fmaxf(a->t, b->t);
    if (wide <= 0 || high <= 0) return 0;
    float both = wide * high;
    return both / ((a->r - a->l) * (a->b - a->t) + (b->r - b->l) * (b->b - b->t) - both);
}

static bool add_hit(tally *t, unsigned row, hit h)
{
    if (t->count[row] == t->room[row]) {
        size_t room = t->room[row] ? t->room[row] * 2 : 256;
        hit *list = realloc(t->list[row], room * sizeof(*list));
        if (!list) return false;
        t->list[row] = list;
        t->room[row] = room;
    }
    t->list[row][t->count[row]++] = h;
    return true;
}

static bool take_truth(const target_shape *s, const view *truth, const target_found *f, bool *taken)
{
    float best = 0.5f;
    int match = -1;
    for (unsigned i = 0; i < truth->box_count; i++) {
        if (taken[i] || s->row_of[truth->box[i].class_id] != (int)f->box.class_id) continue;
        float over = overlap(&truth->box[i], &f->box);
        if (over < best) continue;
        best = over;
        match = (int)i;
    }
    if (match >= 0) taken[match] = true;
    return match >= 0;
}

bool tally_add(tally *t, const target_shape *s, const view *truth, const target_found *found,
               unsigned count)
{
    bool taken[SET_BOXES_MAX] = { false };
    for (unsigned i = 0; i < truth->box_count; i++) {
        int row = s->row_of[truth->box[i].class_id];
        if (row >= 0) t->truths[row]++;
    }
    for (unsigned i = 0; i < count; i++) {
        hit h = { found[i].score, take_truth(s, truth, &found[i], taken) };
        if (!add_hit(t, found[i].box.class_id, h)) return false;
    }
    return true;
}

static int best_first(const void *a, const void *b)
{
    const hit *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (int)y->right - (int)x->right;
}

static double area_under(hit *list, size_t count, size_t truths)
{
    double sum = 0, precision = 0;
    size_t right = 0;
    qsort(list, count, sizeof(*list), best_first);
    for (size_t i = 0; i < count; i++) right += list[i].right;
    /* from the end: the best precision at this recall or beyond */
    for (size_t i = count; i-- > 0;) {
        double here = (double)right / (double)(i + 1);
        if (here > precision) precision = here;
        if (!list[i].right) continue;
        sum += precision / (double)truths;
        right--;
    }
    return sum;
}

double tally_map50(tally *t)
{
    double sum = 0;
    unsigned rows = 0;
    for (unsigned i = 0; i < t->rows; i++) {
        if (!t->truths[i]) continue;
        rows++;
        if (t->count[i]) sum += area_under(t->list[i], t->count[i], t->truths[i]);
    }
    return rows ? sum / rows : 0;
}
