/* json.h - reading JSON through a table with limits, writing it through a writer. Never printf.
 * Reading builds a bounded tree (jansson inside, hidden); unknown fields are ignored.
 * A tree belongs to one thread. */
#ifndef VD_JSON_H
#define VD_JSON_H
#include "vd/arena.h"
#include "vd/error.h"

typedef struct vd_json vd_json; /* a node; borrowed from its document unless said otherwise */

/* Parses one document of at most max_bytes and max_depth nesting levels, no duplicate keys, valid
 * UTF-8. The why names the line and column. Owner: caller, vd_json_free on the root only. */
VD_MUST_USE vd_err vd_json_parse(vd_slice text, size_t max_bytes, unsigned max_depth,
                                 vd_json **ret_root, vd_why *why);
vd_json *vd_json_free(vd_json *root); /* returns NULL; NULL is fine */
typedef vd_json *vd_json_ptr;
static inline void vd_json_release(vd_json **root)
{
    *root = vd_json_free(*root);
}
VD_AUTO_DEFINE(vd_json_ptr, vd_json_release)

typedef enum {
    VD_JSON_IS_NULL,
    VD_JSON_IS_BOOL,
    VD_JSON_IS_INT,
    VD_JSON_IS_REAL,
    VD_JSON_IS_TEXT,
    VD_JSON_IS_LIST,
    VD_JSON_IS_OBJECT
} vd_json_kind;
vd_json_kind vd_json_kind_of(const vd_json *node); /* NULL is VD_JSON_IS_NULL */
/* Lookups give NULL for a missing key, an index outside, or a node of another kind; NULL node is
 * fine. */
const vd_json *vd_json_get(const vd_json *object, const char *key);
const vd_json *vd_json_at(const vd_json *list, size_t index);
size_t vd_json_len(const vd_json *list_or_object); /* 0 for other kinds */
/* The i-th member in document order; *ret_key is borrowed. */
const vd_json *vd_json_member(const vd_json *object, size_t index, const char **ret_key);
/* Values with a fallback for a missing or other kind. Text is borrowed and NUL-terminated. */
const char *vd_json_text(const vd_json *node, const char *fallback);
int64_t vd_json_int(const vd_json *node, int64_t fallback);
double vd_json_num(const vd_json *node, double fallback); /* int or real */
bool vd_json_bool(const vd_json *node, bool fallback);

/* Table-driven reading into a struct. */
typedef enum {
    VD_JSON_TEXT,  /* const char * (arena copy), or char[max + 1] in place with .inplace */
    VD_JSON_COUNT, /* uint64_t, 0..max (max 0: no limit) */
    VD_JSON_INT,   /* int64_t */
    VD_JSON_NUM,   /* double */
    VD_JSON_BOOL,  /* bool */
    VD_JSON_TIME,  /* int64_t UTC microseconds from RFC 3339 text */
    VD_JSON_NODE,  /* const vd_json *, borrowed, any kind */
} vd_json_type;
typedef struct {
    const char *name;
    vd_json_type type;
    size_t at;    /* offsetof in the struct */
    uint64_t max; /* greatest count, or most bytes of text (0: 64 KiB) */
    bool needed;  /* missing or null is VD_INVALID; otherwise the struct keeps its value */
    bool inplace;
} vd_json_field;
/* VD_INVALID with the field's name and what it should be. `arena` is needed for VD_JSON_TEXT not in
 * place. */
VD_MUST_USE vd_err vd_json_read(const vd_json *object, const vd_json_field *fields, size_t count,
                                void *into, vd_arena *arena, vd_why *why);

/* Writer: appends to a vd_buf. Errors (limit, nesting misuse is asserted) are kept until
 * vd_json_w_end. */
typedef struct {
    vd_buf *into;
    unsigned depth;
    uint64_t has_member; /* bit per depth: a comma is due */
    bool failed, after_key;
} vd_json_w;
vd_json_w vd_json_writer(vd_buf *into);
void vd_json_w_object(vd_json_w *w);
void vd_json_w_object_end(vd_json_w *w);
void vd_json_w_list(vd_json_w *w);
void vd_json_w_list_end(vd_json_w *w);
void vd_json_w_key(vd_json_w *w, const char *key);
void vd_json_w_text(vd_json_w *w,
                    const char *text); /* NULL writes null; invalid UTF-8 becomes U+FFFD */
void vd_json_w_slice(vd_json_w *w, vd_slice text);
void vd_json_w_int(vd_json_w *w, int64_t value);
void vd_json_w_num(vd_json_w *w, double value,
                   int decimals); /* fixed point, trailing zeros cut; NaN and infinity write null */
void vd_json_w_bool(vd_json_w *w, bool value);
void vd_json_w_null(vd_json_w *w);
void vd_json_w_time(vd_json_w *w, int64_t utc_us); /* 0 writes null */
void vd_json_w_node(vd_json_w *w, const vd_json *node);
void vd_json_w_raw(vd_json_w *w, vd_slice json); /* trusted: must be one valid value */
/* key + value in one call */
void vd_json_w_kv_text(vd_json_w *w, const char *key, const char *text);
void vd_json_w_kv_int(vd_json_w *w, const char *key, int64_t value);
void vd_json_w_kv_num(vd_json_w *w, const char *key, double value, int decimals);
void vd_json_w_kv_bool(vd_json_w *w, const char *key, bool value);
void vd_json_w_kv_time(vd_json_w *w, const char *key, int64_t utc_us);
/* VD_FULL when anything did not fit. */
VD_MUST_USE vd_err vd_json_w_end(vd_json_w *w);

/* RFC 7396 merge patch: applies `patch` to `target` (both stay owned by the caller); a new
 * document. */
VD_MUST_USE vd_err vd_json_merge_patch(const vd_json *target, const vd_json *patch,
                                       vd_json **ret_root);
VD_MUST_USE vd_err vd_json_print(const vd_json *node, vd_buf *into);
#endif
