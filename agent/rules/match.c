#include <math.h>
#include <stdlib.h>

#include "match_priv.h"

#define CELLS     32 /* the picture's width in columns, its height in bands */
#define WORDS     ((VD_MATCH_MAX + 63) / 64)
#define NODES     (2 * VD_MATCH_MAX)
#define NO_MEMBER UINT16_MAX

typedef struct {
    uint16_t right;
    float gain; /* cost - limit: below 0 when pairing is better than leaving both alone */
} pair;

struct vd_matcher {
    unsigned left_count;
    /* One bit per right item in each column and band that it touches. */
    uint64_t column[CELLS][WORDS], band[CELLS][WORDS];
    /* Pairs worth considering, grouped by their left item. */
    pair pairs[VD_MATCH_MAX * VD_MATCH_MAX];
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

static void mark(uint64_t cells[CELLS][WORDS], float from, float until, unsigned item)
{
    unsigned last = cell_at(until);
    for (unsigned c = cell_at(from); c <= last; c++) cells[c][item / 64] |= 1ull << item % 64;
}

static void fill_cells(vd_matcher *m, const vd_match_item *right, unsigned count)
{
    memset(m->column, 0, sizeof m->column);
    memset(m->band, 0, sizeof m->band);
    for (unsigned i = 0; i < count; i++) {
        const vd_box *box = &right[i].box;
        mark(m->column, box->l, box->l + box->w, i);
        mark(m->band, box->t, box->t + box->h, i);
    }
}

static uint64_t touched(uint64_t cells[CELLS][WORDS], unsigned first, unsigned last, unsigned word)
{
    uint64_t any = 0;
    for (unsigned c = first; c <= last; c++) any |= cells[c][word];
    return any;
}

/* Items that share a column and a band with the left one may overlap it; the others cannot. */
static unsigned pairs_of(vd_matcher *m, const vd_match_item *left, const vd_match_item *right,
                         unsigned right_count, float limit, unsigned used)
{
    const vd_box *box = &left->box;
    unsigned columns[2] = { cell_at(box->l), cell_at(box->l + box->w) };
    unsigned bands[2] = { cell_at(box->t), cell_at(box->t + box->h) };
    for (unsigned word = 0; word * 64 < right_count; word++) {
        uint64_t near = touched(m->column, columns[0], columns[1], word) &
                        touched(m->band, bands[0], bands[1], word);
        for (; near; near &= near - 1) {
            unsigned r = word * 64 + (unsigned)__builtin_ctzll(near);
            if (right[r].class_id != left->class_id) continue;
            const vd_box *other = &right[r].box;
            float shared = shared_area(box, other);
            float all = box->w * box->h + other->w * other->h - shared;
            if (shared * right[r].weight <= (1 - limit) * all)
                continue; /* most end here, undivided */
            m->pairs[used++] = (pair){ (uint16_t)r, 1 - limit - shared / all * right[r].weight };
        }
    }
    return used;
}

static uint16_t root_of(vd_matcher *m, unsigned node)
{
    while (m->parent[node] != node) {
        m->parent[node] = m->parent[m->parent[node]];
        node = m->parent[node];
    }
    return (uint16_t)node;
}

static void find_components(vd_matcher *m, unsigned left_count, unsigned right_count)
{
    unsigned nodes = left_count + right_count;
    for (unsigned n = 0; n < nodes; n++) {
        m->parent[n] = (uint16_t)n;
        m->chain_head[n] = NO_MEMBER;
    }
    for (unsigned l = 0; l < left_count; l++) {
        for (unsigned k = m->pair_start[l]; k < m->pair_start[l + 1]; k++) {
            unsigned a = root_of(m, l), b = root_of(m, left_count + m->pairs[k].right);
            m->parent[a > b ? a : b] = (uint16_t)(a > b ? b : a);
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
        right_of[m->row[0]] = (int16_t)m->col[0];
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
        right_of[m->row[i]] = (int16_t)m->col[j];
    }
}

void vd_matcher_run(vd_matcher *matcher, const vd_match_item *left, unsigned left_count,
                    const vd_match_item *right, unsigned right_count, float limit,
                    int16_t *right_of)
{
    for (unsigned l = 0; l < left_count; l++) right_of[l] = -1;
    if (left_count == 0 || right_count == 0) return;
    matcher->left_count = left_count;
    fill_cells(matcher, right, right_count);
    unsigned used = 0;
    for (unsigned l = 0; l < left_count; l++) {
        matcher->pair_start[l] = used;
        used = pairs_of(matcher, &left[l], right, right_count, limit, used);
    }
    matcher->pair_start[left_count] = used;
    if (used == 0) return;
    find_components(matcher, left_count, right_count);
    for (unsigned n = 0; n < left_count; n++)
        if (matcher->chain_head[n] != NO_MEMBER) pair_component(matcher, n, right_of);
}
