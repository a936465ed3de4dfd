#include <math.h>
#include <stdlib.h>

#include "match_priv.h"

#define CELLS     64 /* the picture's width in columns */
#define NODES     (2 * VD_MATCH_MAX)
#define NO_MEMBER UINT16_MAX

typedef struct {
    uint16_t left, right;
    float gain; /* cost - limit: below 0 when pairing is better than leaving both alone */
} pair;

/* Four edges side by side, as every machine that this runs on can compare them. */
#define LANES 4
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_bools __attribute__((vector_size(16)));
static inline four four_of(float x)
{
    return (four){ x, x, x, x };
}

typedef struct {
    uint16_t item[VD_MATCH_MAX + LANES]; /* of each place: which right item */
    float l[VD_MATCH_MAX + LANES], t[VD_MATCH_MAX + LANES], r[VD_MATCH_MAX + LANES],
        b[VD_MATCH_MAX + LANES];
    uint16_t reach[CELLS]; /* first place whose right edge lies in this column or behind it */
    uint16_t until[CELLS]; /* behind the last place whose left edge lies in or before it */
} sorted;

/* Of one item's pairs: the least gain and the one after it; 0 is to be left alone. */
typedef struct {
    float least, next;
} choice;

struct vd_matcher {
    /* The right items' edges by the column that their left edge lies in. */
    sorted edge;
    /* Pairs worth considering, grouped by their left item. */
    pair pairs[VD_MATCH_MAX * VD_MATCH_MAX + 1];
    choice of_left[VD_MATCH_MAX], of_right[VD_MATCH_MAX];
    bool taken[VD_MATCH_MAX]; /* right items that are surely paired */
    /* What is not sure, with numbers of its own. */
    unsigned left_count, right_count;
    uint16_t left_name[VD_MATCH_MAX], right_name[VD_MATCH_MAX];
    unsigned pair_start[VD_MATCH_MAX + 1];
    /* Components: union-find over left items, then right items; members in chains. */
    uint16_t parent[NODES], chain_head[NODES], chain_next[NODES];
    /* One component: its rows and columns, and the solver's state (index 0 is the free column). */
    uint16_t row[VD_MATCH_MAX], col[VD_MATCH_MAX], place[NODES];
    float cost[VD_MATCH_MAX * VD_MATCH_MAX];
    float row_price[VD_MATCH_MAX + 1], col_price[VD_MATCH_MAX + 1], slack[VD_MATCH_MAX + 1];
    uint16_t row_of[VD_MATCH_MAX + 1], came_from[VD_MATCH_MAX + 1];
    uint16_t waiting[VD_MATCH_MAX]; /* rows whose cheapest column was taken */
    bool settled[VD_MATCH_MAX + 1];
};

vd_matcher *vd_matcher_new(void)
{
    return calloc(1, sizeof(vd_matcher)); /* large, but pages not used are never touched */
}

vd_matcher *vd_matcher_free(vd_matcher *matcher)
{
    free(matcher);
    return NULL;
}

/* Without the library's fminf: these run for every pair, and no box holds a NaN here. */
static inline float less(float a, float b)
{
    return a < b ? a : b;
}

static inline float more(float a, float b)
{
    return a > b ? a : b;
}

/* The area two boxes share; 0 when they are apart. */
static inline float shared_area(const vd_box *a, const vd_box *b)
{
    float w = less(a->l + a->w, b->l + b->w) - more(a->l, b->l);
    float h = less(a->t + a->h, b->t + b->h) - more(a->t, b->t);
    return more(w, 0) * more(h, 0);
}

float vd_box_iou(const vd_box *a, const vd_box *b)
{
    float shared = shared_area(a, b), all = a->w * a->h + b->w * b->h - shared;
    return all > 0 ? shared / all : 0;
}

static unsigned cell_at(float x)
{
    if (!(x > 0)) return 0;
    return x >= 1 ? CELLS - 1 : (unsigned)(x * CELLS);
}

static void sort_edges(sorted *e, const vd_match_item *right, unsigned count)
{
    memset(e->until, 0, sizeof e->until);
    for (unsigned i = 0; i < count; i++) e->until[cell_at(right[i].box.l)]++;
    for (unsigned c = 0, before = 0; c < CELLS; c++) {
        unsigned here = e->until[c];
        e->until[c] = (uint16_t)before; /* grows to its end as the items take their places */
        e->reach[c] = (uint16_t)count;
        before += here;
    }
    for (unsigned i = 0; i < count; i++) {
        const vd_box *box = &right[i].box;
        unsigned place = e->until[cell_at(box->l)]++, last = cell_at(box->l + box->w);
        e->item[place] = (uint16_t)i;
        e->l[place] = box->l;
        e->t[place] = box->t;
        e->r[place] = box->l + box->w;
        e->b[place] = box->t + box->h;
        if (place < e->reach[last]) e->reach[last] = (uint16_t)place;
    }
    for (unsigned i = 0; i < LANES; i++) e->l[count + i] = INFINITY; /* overlaps nothing */
    for (unsigned c = CELLS - 1; c-- > 0;)
        if (e->reach[c + 1] < e->reach[c]) e->reach[c] = e->reach[c + 1];
}

static four load(const float *at)
{
    four f;
    memcpy(&f, at, sizeof f);
    return f;
}

/* Pairs of one left item with those that it overlaps. Without a branch a pair: which of the few
 * near ones overlap is as good as chance, and a wrong guess costs more than the sums. */
static unsigned overlapping(vd_matcher *m, unsigned left, const vd_box *box, unsigned used)
{
    const sorted *e = &m->edge;
    float r = box->l + box->w, b = box->t + box->h;
    unsigned until = e->until[cell_at(r)];
    four l4 = four_of(box->l), t4 = four_of(box->t), r4 = four_of(r), b4 = four_of(b);
    for (unsigned place = e->reach[cell_at(box->l)]; place < until; place += LANES) {
        four_bools hit = (load(&e->l[place]) < r4) & (load(&e->r[place]) > l4) &
                         (load(&e->t[place]) < b4) & (load(&e->b[place]) > t4);
        for (unsigned i = 0; i < LANES; i++) {
            m->pairs[used] = (pair){ .left = (uint16_t)left, .right = e->item[place + i] };
            used -= (unsigned)hit[i]; /* true is -1 */
        }
    }
    return used;
}

/* Those that are worth it stay. */
static unsigned weigh(vd_matcher *m, const vd_match_item *left, const vd_match_item *right,
                      float limit, unsigned used)
{
    unsigned kept = 0;
    for (unsigned k = 0; k < used; k++) {
        pair p = m->pairs[k];
        const vd_match_item *a = &left[p.left], *b = &right[p.right];
        float shared = shared_area(&a->box, &b->box);
        float all = a->box.w * a->box.h + b->box.w * b->box.h - shared;
        bool good = shared * b->weight > (1 - limit) * all;
        p.gain = 1 - limit - shared / all * b->weight;
        m->pairs[kept] = p;
        kept += good & (a->class_id == b->class_id);
    }
    return kept;
}

static void consider(choice *c, float gain)
{
    c->next = less(c->next, more(c->least, gain));
    c->least = less(c->least, gain);
}

/* A pair that gains more than the best others of its two items together is in every cheapest
 * pairing: those two could at most be traded for it. Nearly all pairs of a picture are sure in this
 * way; the others stay, grouped as they were. Returns how many. */
static unsigned take_sure(vd_matcher *m, unsigned left_count, unsigned right_count, unsigned used,
                          int16_t *right_of)
{
    unsigned kept = 0;
    memset(m->of_left, 0, left_count * sizeof m->of_left[0]);
    memset(m->of_right, 0, right_count * sizeof m->of_right[0]);
    memset(m->taken, 0, right_count * sizeof m->taken[0]);
    for (unsigned k = 0; k < used; k++) {
        consider(&m->of_left[m->pairs[k].left], m->pairs[k].gain);
        consider(&m->of_right[m->pairs[k].right], m->pairs[k].gain);
    }
    for (unsigned k = 0; k < used; k++) {
        const pair *p = &m->pairs[k];
        const choice *l = &m->of_left[p->left], *r = &m->of_right[p->right];
        bool sure = (p->gain == l->least) & (p->gain == r->least) & (p->gain < l->next + r->next);
        right_of[p->left] = (int16_t)(sure ? p->right : right_of[p->left]);
        m->taken[p->right] |= sure;
    }
    for (unsigned k = 0; k < used; k++) {
        const pair p = m->pairs[k];
        m->pairs[kept] = p;
        kept += (right_of[p.left] < 0) & !m->taken[p.right];
    }
    return kept;
}

/* The items of the pairs that are left get numbers of their own: the rest need not look at all the
 * others again. */
static void group_pairs(vd_matcher *m, unsigned right_count, unsigned used)
{
    m->left_count = m->right_count = 0;
    memset(m->place, 0, right_count * sizeof m->place[0]);
    for (unsigned k = 0; k < used; k++) {
        pair *p = &m->pairs[k];
        if (m->left_count == 0 || m->left_name[m->left_count - 1] != p->left) {
            m->pair_start[m->left_count] = k;
            m->left_name[m->left_count++] = p->left;
        }
        if (m->place[p->right] == 0) {
            m->right_name[m->right_count++] = p->right;
            m->place[p->right] = (uint16_t)m->right_count;
        }
        p->right = (uint16_t)(m->place[p->right] - 1);
    }
    m->pair_start[m->left_count] = used;
}

static uint16_t root_of(vd_matcher *m, unsigned node)
{
    while (m->parent[node] != node) {
        m->parent[node] = m->parent[m->parent[node]];
        node = m->parent[node];
    }
    return (uint16_t)node;
}

static void find_components(vd_matcher *m)
{
    unsigned left_count = m->left_count, nodes = left_count + m->right_count;
    for (unsigned n = 0; n < nodes; n++) {
        m->parent[n] = (uint16_t)n;
        m->chain_head[n] = NO_MEMBER;
    }
    for (unsigned l = 0; l < left_count; l++) {
        uint16_t root = root_of(m, l);
        for (unsigned k = m->pair_start[l]; k < m->pair_start[l + 1]; k++) {
            uint16_t other = root_of(m, left_count + m->pairs[k].right);
            uint16_t first = root < other ? root : other;
            m->parent[root] = m->parent[other] = first;
            root = first;
        }
    }
    for (unsigned n = nodes; n-- > 0;) {
        unsigned root = root_of(m, n);
        m->chain_next[n] = m->chain_head[root];
        m->chain_head[root] = (uint16_t)n;
    }
}

/* Brings one more row into the assignment along the shortest augmenting path. Rows and columns
 * count from 1 here; column 0 holds the row that looks for a place. Needs rows <= cols. */
static void augment(vd_matcher *m, unsigned row, unsigned cols)
{
    unsigned at = 0;
    m->row_of[0] = (uint16_t)row;
    for (unsigned c = 0; c <= cols; c++) {
        m->slack[c] = INFINITY;
        m->settled[c] = false;
    }
    while (m->row_of[at] != 0) {
        m->settled[at] = true;
        unsigned r = m->row_of[at], next = 0;
        const float *cost = m->cost + (size_t)(r - 1) * cols;
        float least = INFINITY;
        for (unsigned c = 1; c <= cols; c++) {
            if (m->settled[c]) continue;
            float reduced = cost[c - 1] - m->row_price[r] - m->col_price[c];
            if (reduced < m->slack[c]) {
                m->slack[c] = reduced;
                m->came_from[c] = (uint16_t)at;
            }
            if (m->slack[c] < least) {
                least = m->slack[c];
                next = c;
            }
        }
        for (unsigned c = 0; c <= cols; c++) {
            if (m->settled[c]) {
                m->row_price[m->row_of[c]] += least;
                m->col_price[c] -= least;
            } else {
                m->slack[c] -= least;
            }
        }
        at = next;
    }
    for (; at != 0; at = m->came_from[at]) m->row_of[at] = m->row_of[m->came_from[at]];
}

/* Each row first takes its cheapest column if that is free: prices stay right, and most rows of a
 * picture are done. The others are brought in one by one. */
static void solve(vd_matcher *m, unsigned rows, unsigned cols)
{
    unsigned waiting_count = 0;
    memset(m->col_price, 0, (cols + 1) * sizeof m->col_price[0]);
    memset(m->row_of, 0, (cols + 1) * sizeof m->row_of[0]);
    m->row_price[0] = 0;
    for (unsigned r = 1; r <= rows; r++) {
        const float *cost = m->cost + (size_t)(r - 1) * cols;
        unsigned best = 0;
        for (unsigned c = 1; c < cols; c++)
            if (cost[c] < cost[best]) best = c;
        m->row_price[r] = cost[best];
        if (m->row_of[best + 1] == 0)
            m->row_of[best + 1] = (uint16_t)r;
        else
            m->waiting[waiting_count++] = (uint16_t)r;
    }
    for (unsigned i = 0; i < waiting_count; i++) augment(m, m->waiting[i], cols);
}

/* The dense matrix of one component, rows being the smaller side: 0 where nothing overlaps, which
 * is the price of leaving both alone. */
static void fill_cost(vd_matcher *m, unsigned lefts, unsigned rights, bool turned)
{
    unsigned cols = turned ? lefts : rights;
    memset(m->cost, 0, (size_t)lefts * rights * sizeof m->cost[0]);
    for (unsigned i = 0; i < lefts; i++) {
        unsigned l = m->row[i];
        for (unsigned k = m->pair_start[l]; k < m->pair_start[l + 1]; k++) {
            unsigned j = m->place[m->left_count + m->pairs[k].right];
            m->cost[turned ? (size_t)j * cols + i : (size_t)i * cols + j] = m->pairs[k].gain;
        }
    }
}

static void pair_component(vd_matcher *m, unsigned root, int16_t *right_of)
{
    unsigned lefts = 0, rights = 0;
    for (unsigned n = m->chain_head[root]; n != NO_MEMBER; n = m->chain_next[n]) {
        bool is_left = n < m->left_count;
        m->place[n] = (uint16_t)(is_left ? lefts : rights);
        if (is_left)
            m->row[lefts++] = (uint16_t)n;
        else
            m->col[rights++] = (uint16_t)(n - m->left_count);
    }
    if (lefts == 0 || rights == 0) return;
    if (lefts == 1 && rights == 1) {
        right_of[m->left_name[m->row[0]]] = (int16_t)m->right_name[m->col[0]];
        return;
    }
    bool turned = lefts > rights;
    unsigned rows = turned ? rights : lefts, cols = turned ? lefts : rights;
    fill_cost(m, lefts, rights, turned);
    solve(m, rows, cols);
    for (unsigned c = 1; c <= cols; c++) {
        unsigned r = m->row_of[c];
        if (r == 0 || m->cost[(size_t)(r - 1) * cols + c - 1] >= 0) continue;
        unsigned i = turned ? c - 1 : r - 1, j = turned ? r - 1 : c - 1;
        right_of[m->left_name[m->row[i]]] = (int16_t)m->right_name[m->col[j]];
    }
}

void vd_matcher_run(vd_matcher *matcher, const vd_match_item *left, unsigned left_count,
                    const vd_match_item *right, unsigned right_count, float limit,
                    int16_t *right_of)
{
    for (unsigned l = 0; l < left_count; l++) right_of[l] = -1;
    if (left_count == 0 || right_count == 0) return;
    sort_edges(&matcher->edge, right, right_count);
    unsigned used = 0;
    for (unsigned l = 0; l < left_count; l++) used = overlapping(matcher, l, &left[l].box, used);
    used = weigh(matcher, left, right, limit, used);
    used = take_sure(matcher, left_count, right_count, used, right_of);
    if (used == 0) return;
    group_pairs(matcher, right_count, used);
    find_components(matcher);
    for (unsigned n = 0; n < matcher->left_count; n++)
        if (matcher->chain_head[n] != NO_MEMBER) pair_component(matcher, n, right_of);
}
