/* output.c - tables and fields for people. */
#include <stdio.h>

#include "cli_priv.h"

#define CELL_MAX    72
#define COLUMNS_MAX 16

const vd_json *member_at(const vd_json *object, const char *dotted)
{
    char name[64];
    vd_slice rest = vd_slice_str(dotted);

    while (rest.len && object) {
        vd_slice part = vd_slice_cut(rest, '.', &rest);
        if (!vd_slice_to_chars(part, name, sizeof name)) return NULL;
        object = vd_json_get(object, name);
    }
    return object;
}

/* One line without control characters: what a device calls itself must not move our cursor. */
static void cell_text(const vd_json *node, char into[4 * CELL_MAX + 1])
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    size_t len = 0, marks = 0;

    if (!node || vd_json_kind_of(node) == VD_JSON_IS_NULL)
        vd_buf_add_str(&text, "-");
    else if (vd_json_kind_of(node) == VD_JSON_IS_TEXT)
        vd_buf_add_str(&text, vd_json_text(node, ""));
    else if (vd_json_kind_of(node) == VD_JSON_IS_BOOL)
        vd_buf_add_str(&text, vd_json_bool(node, false) ? "yes" : "no");
    else if (vd_json_print(node, &text))
        vd_buf_add_str(&text, "...");
    for (size_t i = 0; i < text.len && marks < CELL_MAX && len < 4 * CELL_MAX; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        into[len++] = byte < 0x20 || byte == 0x7f ? ' ' : (char)byte;
        uint8_t next = i + 1 < text.len ? (uint8_t)text.data[i + 1] : 0;
        marks += (next & 0xc0) != 0x80; /* a whole character is done */
    }
    into[len] = '\0';
}

static int marks_in(const char *text)
{
    int marks = 0;
    for (; *text; text++) marks += ((uint8_t)*text & 0xc0) != 0x80;
    return marks;
}

static void pad(int marks)
{
    while (marks-- > 0) putchar(' ');
}

static void widths(const vd_json *list, const column *columns, size_t count, int *width)
{
    char cell[4 * CELL_MAX + 1];

    for (size_t c = 0; c < count; c++) width[c] = marks_in(columns[c].title);
    for (size_t r = 0; r < vd_json_len(list); r++)
        for (size_t c = 0; c < count; c++) {
            cell_text(member_at(vd_json_at(list, r), columns[c].member), cell);
            if (marks_in(cell) > width[c]) width[c] = marks_in(cell);
        }
}

void table_print(const vd_json *list, const column *columns, size_t count)
{
    char cell[4 * CELL_MAX + 1];
    int width[COLUMNS_MAX];

    if (count > COLUMNS_MAX) count = COLUMNS_MAX;
    widths(list, columns, count, width);
    for (size_t c = 0; c < count; c++) {
        fputs(columns[c].title, stdout);
        if (c + 1 < count) pad(width[c] - marks_in(columns[c].title) + 2);
    }
    putchar('\n');
    for (size_t r = 0; r < vd_json_len(list); r++) {
        for (size_t c = 0; c < count; c++) {
            cell_text(member_at(vd_json_at(list, r), columns[c].member), cell);
            fputs(cell, stdout);
            if (c + 1 < count) pad(width[c] - marks_in(cell) + 2);
        }
        putchar('\n');
    }
}

void fields_print(const vd_json *object, const column *columns, size_t count)
{
    char cell[4 * CELL_MAX + 1];
    int widest = 0;

    for (size_t c = 0; c < count; c++)
        if (marks_in(columns[c].title) > widest) widest = marks_in(columns[c].title);
    for (size_t c = 0; c < count; c++) {
        const vd_json *node = member_at(object, columns[c].member);
        if (!node || vd_json_kind_of(node) == VD_JSON_IS_NULL) continue;
        cell_text(node, cell);
        printf("%s", columns[c].title);
        pad(widest - marks_in(columns[c].title) + 2);
        printf("%s\n", cell);
    }
}

void json_line(const vd_json *node)
{
    VD_AUTO(vd_buf) text = VD_BUF(API_BYTES);

    if (node && !vd_json_print(node, &text))
        puts(text.data);
    else
        puts("{}");
}

vd_err doc_print(const vd_buf *text, const column *columns, size_t count, bool json,
                 const char *list, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;

    if (json) {
        puts(text->data);
        return VD_OK;
    }
    vd_err err = vd_json_parse(vd_buf_slice(text), API_BYTES, 32, &root, why);
    if (!err && list) table_print(vd_json_get(root, list), columns, count);
    if (!err && !list) fields_print(root, columns, count);
    return err;
}

vd_err list_show(const cli *c, const char *path, const char *member, const column *columns,
                 size_t count, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;

    vd_err err = api_open(&a, why);
    if (!err) err = api_call(a, "GET", path, VD_SLICE_NONE, &root, why);
    if (err) return err;
    if (c->json)
        json_line(root);
    else
        table_print(vd_json_get(root, member), columns, count);
    return VD_OK;
}
