/* A JSON document: what is read can be printed, and the print reads as the same print. */
#include "fuzz.h"
#include "vd/json.h"

enum { BYTES_MAX = 1 << 16, DEPTH_MAX = 32 };

static void print_again(const vd_json *root)
{
    VD_AUTO(vd_buf) first = VD_BUF(8 * BYTES_MAX);
    VD_AUTO(vd_buf) second = VD_BUF(8 * BYTES_MAX);
    VD_AUTO(vd_json_ptr) again = NULL;
    vd_why why;
    if (vd_json_print(root, &first)) return;
    fuzz_holds(vd_json_parse(vd_buf_slice(&first), 8 * BYTES_MAX, DEPTH_MAX, &again, &why) ==
               VD_OK);
    fuzz_holds(vd_json_print(again, &second) == VD_OK);
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
}

typedef struct {
    const char *name;
    char kind[9];
    uint64_t count;
    int64_t whole, time;
    double number;
    bool truth;
    const vd_json *node;
} thing;

static void read_table(const vd_json *root)
{
    static const vd_json_field fields[] = {
        { "name", VD_JSON_TEXT, offsetof(thing, name), .max = 20 },
        { "kind", VD_JSON_TEXT, offsetof(thing, kind), .max = 8, .inplace = true },
        { "count", VD_JSON_COUNT, offsetof(thing, count), .max = 10 },
        { "whole", VD_JSON_INT, offsetof(thing, whole) },
        { "time", VD_JSON_TIME, offsetof(thing, time) },
        { "number", VD_JSON_NUM, offsetof(thing, number) },
        { "truth", VD_JSON_BOOL, offsetof(thing, truth) },
        { "node", VD_JSON_NODE, offsetof(thing, node), .needed = true },
    };
    thing into = { 0 };
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(4096);
    vd_why why;
    if (vd_json_read(root, fields, VD_COUNT_OF(fields), &into, arena, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        fuzz_holds(into.count <= 10 && strlen(into.kind) <= 8 && into.node);
}

/* The document patched by itself and by a part of itself. */
static void patch(const vd_json *root)
{
    VD_AUTO(vd_json_ptr) merged = NULL;
    VD_AUTO(vd_json_ptr) part = NULL;
    const char *key = NULL;
    if (vd_json_merge_patch(root, root, &merged) == VD_OK) print_again(merged);
    const vd_json *member = vd_json_member(root, 0, &key);
    if (member && vd_json_merge_patch(root, member, &part) == VD_OK) print_again(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_why why;
    if (vd_json_parse(vd_slice_of(data, len), BYTES_MAX, DEPTH_MAX, &root, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    print_again(root);
    read_table(root);
    patch(root);
    return 0;
}
