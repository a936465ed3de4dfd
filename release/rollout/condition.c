/* condition.c - which devices a rollout is for. A text becomes a tree in an arena; the grammar is
 * in rollout.h. Depth and length are bounded, so a hostile text costs nothing. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "rollout.h"

#define ARENA_BYTES 262144
#define DEPTH_MAX   64
#define STEPS_MAX   10 /* of a path: a twin is not deeper */
#define LIST_MAX    64

typedef enum { ALL, AND, OR, NOT, COMPARE, IN, DEFINED } node_kind;
typedef enum { EQ, NE, LT, LE, GT, GE } operation;

typedef struct {
    vd_json_kind kind; /* TEXT, REAL, BOOL, NULL */
    const char *text;
    double number;
    bool truth;
} value;

typedef struct node node;
struct node {
    node_kind kind;
    operation op;
    const node *left, *right;
    unsigned steps; /* of the path; 0: deviceId */
    const char *step[STEPS_MAX];
    unsigned value_count;
    const value *values;
};

struct vd_condition {
    vd_arena *arena;
    const node *root;
};

typedef struct {
    vd_arena *arena;
    const char *text, *at;
    unsigned depth;
    vd_why *why;
    bool failed;
} parser;

/* ---- words ---- */

static void wrong(parser *p, const char *expected)
{
    if (p->failed) return;
    p->failed = true;
    vd_fail(p->why, VD_INVALID, "the condition cannot be read at character %zu",
            (size_t)(p->at - p->text) + 1);
    vd_why_detail(p->why, "%s is expected at '%.40s'", expected, p->at);
    vd_why_hint(p->why, "write for instance tags.site = 'north' AND NOT tags.line IN ['3', '4']");
}

static void skip(parser *p)
{
    while (*p->at && isspace((unsigned char)*p->at)) p->at++;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool take_word(parser *p, const char *word)
{
    size_t len = strlen(word);

    skip(p);
    if (strncasecmp(p->at, word, len) != 0 || in_word(p->at[len])) return false;
    p->at += len;
    return true;
}

static bool take(parser *p, const char *sign)
{
    size_t len = strlen(sign);

    skip(p);
    if (strncmp(p->at, sign, len) != 0) return false;
    p->at += len;
    return true;
}

static void *room_for(parser *p, size_t bytes)
{
    void *room = vd_arena_alloc(p->arena, bytes);

    if (!room) wrong(p, "a shorter condition");
    return room;
}

static node *new_node(parser *p, node_kind kind)
{
    node *n = room_for(p, sizeof *n);

    if (n) n->kind = kind;
    return n;
}

/* ---- values and paths ---- */

/* 'it''s' is it's. */
static void take_text(parser *p, value *v)
{
    size_t len = 0;
    char *into = room_for(p, strlen(p->at) + 1);

    for (p->at++; into && *p->at; p->at++) {
        if (*p->at == '\'' && p->at[1] != '\'') break;
        if (*p->at == '\'') p->at++;
        into[len++] = *p->at;
    }
    if (!into) return;
    if (*p->at != '\'')
        wrong(p, "a closing quote");
    else
        p->at++;
    v->kind = VD_JSON_IS_TEXT;
    v->text = into;
}

static void take_number(parser *p, value *v)
{
    char *end = NULL;
    double number = strtod(p->at, &end);

    if (end == p->at || !(number >= -1e15 && number <= 1e15) || in_word(*end)) {
        wrong(p, "a value");
        return;
    }
    p->at = end;
    v->kind = VD_JSON_IS_REAL;
    v->number = number;
}

static void take_value(parser *p, value *v)
{
    skip(p);
    if (*p->at == '\'') {
        take_text(p, v);
    } else if (take_word(p, "true") || take_word(p, "false")) {
        v->kind = VD_JSON_IS_BOOL;
        v->truth = tolower((unsigned char)p->at[-2]) == 'u';
    } else if (take_word(p, "null")) {
        v->kind = VD_JSON_IS_NULL;
    } else if (isdigit((unsigned char)*p->at) || *p->at == '-') {
        take_number(p, v);
    } else {
        wrong(p, "a value like 'north', 3 or true");
    }
}

static void take_step(parser *p, node *n)
{
    const char *from = p->at;

    while (in_word(*p->at) || (*p->at & 0x80)) p->at++;
    if (p->at == from || n->steps == STEPS_MAX) {
        wrong(p, "a name");
        return;
    }
    n->step[n->steps] = vd_arena_str(p->arena, vd_slice_of(from, (size_t)(p->at - from)));
    if (!n->step[n->steps++]) wrong(p, "a shorter condition");
}

static void take_path(parser *p, node *n)
{
    if (take_word(p, "deviceId")) return;
    skip(p);
    if (strncmp(p->at, "tags.", 5) != 0 && strncmp(p->at, "properties.reported.", 20) != 0 &&
        strncmp(p->at, "properties.desired.", 19) != 0) {
        wrong(p, "tags.NAME, properties.reported.NAME or deviceId");
        return;
    }
    take_step(p, n);
    while (!p->failed && *p->at == '.') {
        p->at++;
        take_step(p, n);
    }
}

/* ---- the grammar ---- */

static const node *take_or(parser *p);

static void take_list(parser *p, node *n)
{
    value *values = room_for(p, LIST_MAX * sizeof *values);

    if (!take(p, "[")) wrong(p, "a list like ['a', 'b']");
    while (!p->failed && values) {
        if (n->value_count == LIST_MAX) wrong(p, "a list of at most 64 values");
        if (p->failed) return;
        take_value(p, &values[n->value_count++]);
        if (!take(p, ",")) break;
    }
    if (!p->failed && !take(p, "]")) wrong(p, "']'");
    n->values = values;
}

static void take_operation(parser *p, node *n)
{
    static const struct {
        const char *sign;
        operation op;
    } signs[] = { { "!=", NE }, { "<>", NE }, { "<=", LE }, { ">=", GE },
                  { "=", EQ },  { "<", LT },  { ">", GT } };
    value *v = room_for(p, sizeof *v);

    for (unsigned i = 0; v && i < VD_COUNT_OF(signs); i++) {
        if (!take(p, signs[i].sign)) continue;
        n->op = signs[i].op;
        take_value(p, v);
        n->values = v;
        n->value_count = 1;
        return;
    }
    wrong(p, "=, !=, <, <=, >, >= or IN");
}

static const node *negated(parser *p, const node *inner)
{
    node *n = new_node(p, NOT);

    if (n) n->left = inner;
    return n;
}

static const node *take_compare(parser *p)
{
    node *n = new_node(p, COMPARE);

    if (!n) return NULL;
    take_path(p, n);
    if (p->failed) return n;
    bool not = take_word(p, "NOT");
    if (take_word(p, "IN")) {
        n->kind = IN;
        take_list(p, n);
        return not ? negated(p, n) : n;
    }
    if (not )
        wrong(p, "IN");
    else
        take_operation(p, n);
    return n;
}

static const node *take_defined(parser *p)
{
    node *n = new_node(p, DEFINED);

    if (!n) return NULL;
    if (!take(p, "(")) wrong(p, "'('");
    if (!p->failed) take_path(p, n);
    if (!p->failed && !take(p, ")")) wrong(p, "')'");
    return n;
}

static const node *take_test(parser *p)
{
    const node *n;

    if (take(p, "*")) return new_node(p, ALL);
    if (take_word(p, "is_defined")) return take_defined(p);
    if (!take(p, "(")) return take_compare(p);
    n = take_or(p);
    if (!p->failed && !take(p, ")")) wrong(p, "')'");
    return n;
}

static const node *take_not(parser *p)
{
    bool not = false;

    while (take_word(p, "NOT")) not = !not ;
    const node *n = take_test(p);
    return not &&!p->failed ? negated(p, n) : n;
}

static const node *join(parser *p, node_kind kind, const node *left, const node *right)
{
    node *n = new_node(p, kind);

    if (!n) return NULL;
    n->left = left;
    n->right = right;
    return n;
}

static const node *take_and(parser *p)
{
    const node *n = take_not(p);

    while (!p->failed && take_word(p, "AND")) n = join(p, AND, n, take_not(p));
    return n;
}

static const node *take_or(parser *p)
{
    const node *n = NULL;

    if (++p->depth > DEPTH_MAX) {
        wrong(p, "fewer brackets");
    } else {
        n = take_and(p);
        while (!p->failed && take_word(p, "OR")) n = join(p, OR, n, take_and(p));
    }
    p->depth--;
    return n;
}

vd_err vd_condition_parse(vd_slice text, vd_condition **ret_condition, vd_why *why)
{
    if (text.len > VD_ROLLOUT_CONDITION_MAX || !vd_slice_utf8_valid(text) ||
        (text.len && memchr(text.data, 0, text.len)))
        return vd_fail(why, VD_INVALID, "a condition is text of at most %u bytes",
                       VD_ROLLOUT_CONDITION_MAX);
    vd_condition *c = calloc(1, sizeof *c);
    parser p = { .arena = vd_arena_new(ARENA_BYTES), .why = why };
    if (c) c->arena = p.arena;
    if (c && p.arena) p.text = p.at = vd_arena_str(p.arena, text);
    if (!p.at) {
        if (!c) vd_arena_free(p.arena);
        vd_condition_free(c);
        return vd_fail(why, VD_FULL, "memory ends");
    }
    c->root = take_or(&p);
    skip(&p);
    if (!p.failed && *p.at) wrong(&p, "AND, OR or the end");
    if (p.failed) return (void)vd_condition_free(c), VD_INVALID;
    *ret_condition = c;
    return VD_OK;
}

vd_condition *vd_condition_free(vd_condition *condition)
{
    if (!condition) return NULL;
    vd_arena_free(condition->arena);
    free(condition);
    return NULL;
}

/* ---- does it hold ---- */

static const vd_json *walk(const node *n, const vd_json *twin)
{
    for (unsigned i = 0; i < n->steps && twin; i++) twin = vd_json_get(twin, n->step[i]);
    return twin;
}

/* -1, 0, 1; 2: not to be compared. */
static int order(const value *v, vd_json_kind kind, const char *text, const vd_json *have)
{
    if (kind == VD_JSON_IS_TEXT && v->kind == kind) {
        int order = strcmp(text, v->text);
        return order < 0 ? -1 : order > 0;
    }
    if ((kind == VD_JSON_IS_INT || kind == VD_JSON_IS_REAL) && v->kind == VD_JSON_IS_REAL) {
        double number = vd_json_num(have, 0);
        return number < v->number ? -1 : number > v->number;
    }
    if (kind == VD_JSON_IS_BOOL && v->kind == kind) return vd_json_bool(have, false) - v->truth;
    return kind == VD_JSON_IS_NULL && v->kind == kind ? 0 : 2;
}

static bool compare(const node *n, const value *v, const char *device, const vd_json *twin)
{
    const vd_json *have = n->steps ? walk(n, twin) : NULL;
    vd_json_kind kind = n->steps ? vd_json_kind_of(have) : VD_JSON_IS_TEXT;
    int cmp = order(v, kind, n->steps ? vd_json_text(have, "") : device, have);
    bool there = kind != VD_JSON_IS_NULL;

    switch (n->op) {
    case EQ: return cmp == 0;
    case NE: return cmp != 0 && (there || v->kind == VD_JSON_IS_NULL);
    case LT: return cmp == -1;
    case LE: return cmp == -1 || cmp == 0;
    case GT: return cmp == 1;
    case GE: return cmp == 1 || cmp == 0;
    }
    return false;
}

/* Depth is bounded by the parser: brackets by DEPTH_MAX, chains by the text's length. */
static bool holds(const node *n, const char *device, const vd_json *twin)
{
    bool found = false;

    switch (n->kind) {
    case ALL: return true;
    case AND: return holds(n->left, device, twin) && holds(n->right, device, twin);
    case OR: return holds(n->left, device, twin) || holds(n->right, device, twin);
    case NOT: return !holds(n->left, device, twin);
    case COMPARE: return compare(n, &n->values[0], device, twin);
    case IN:
        for (unsigned i = 0; !found && i < n->value_count; i++)
            found = compare(n, &n->values[i], device, twin);
        return found;
    case DEFINED: return !n->steps || vd_json_kind_of(walk(n, twin)) != VD_JSON_IS_NULL;
    }
    return false;
}

bool vd_condition_holds(const vd_condition *condition, const char *device, const vd_json *twin)
{
    return holds(condition->root, device, twin);
}
