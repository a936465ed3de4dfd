/* json_write.c - writing JSON into a bounded buffer. The first thing that does not fit makes every
 * later call do nothing; vd_json_w_end tells. */
#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/json.h"

#define DEEPEST 63 /* one bit of has_member per level */

vd_json_w vd_json_writer(vd_buf *into)
{
    return (vd_json_w){ .into = into };
}

static void add(vd_json_w *w, const void *bytes, size_t len)
{
    if (len > 0 && !w->failed && !vd_buf_add(w->into, vd_slice_of(bytes, len))) w->failed = true;
}

/* Before any value: the comma that is due. */
static void begin_value(vd_json_w *w)
{
    uint64_t bit = UINT64_C(1) << w->depth;
    if (!w->after_key && (w->has_member & bit)) add(w, ",", 1);
    w->has_member |= bit;
    w->after_key = false;
}

static void open_level(vd_json_w *w, const char *mark)
{
    begin_value(w);
    add(w, mark, 1);
    assert(w->depth < DEEPEST);
    w->depth++;
    w->has_member &= ~(UINT64_C(1) << w->depth);
}

static void close_level(vd_json_w *w, const char *mark)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    add(w, mark, 1);
}

void vd_json_w_object(vd_json_w *w)
{
    open_level(w, "{");
}

void vd_json_w_object_end(vd_json_w *w)
{
    close_level(w, "}");
}

void vd_json_w_list(vd_json_w *w)
{
    open_level(w, "[");
}

void vd_json_w_list_end(vd_json_w *w)
{
    close_level(w, "]");
}

static void add_escape(vd_json_w *w, uint8_t c)
{
    static const char named[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; i + 1 < sizeof(named); i += 2) {
        if ((uint8_t)named[i] != c) continue;
        add(w, (char[]){ '\\', named[i + 1] }, 2);
        return;
    }
    char text[8];
    int len = snprintf(text, sizeof(text), "\\u%04x", c);
    add(w, text, (size_t)len);
}

static void add_quoted(vd_json_w *w, vd_slice text)
{
    add(w, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];
        size_t len = c < 0x80 ? 1 : vd_utf8_len(vd_slice_from(text, i));
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        add(w, text.data + from, i - from);
        if (len == 0)
            add(w, "\xef\xbf\xbd", 3);
        else
            add_escape(w, c);
        from = ++i;
    }
    add(w, text.len ? text.data + from : text.data, text.len - from);
    add(w, "\"", 1);
}

void vd_json_w_key(vd_json_w *w, const char *key)
{
    assert(!w->after_key);
    begin_value(w);
    add_quoted(w, vd_slice_str(key));
    add(w, ":", 1);
    w->after_key = true;
}

void vd_json_w_slice(vd_json_w *w, vd_slice text)
{
    begin_value(w);
    add_quoted(w, text);
}

void vd_json_w_raw(vd_json_w *w, vd_slice json)
{
    begin_value(w);
    add(w, json.data, json.len);
}

void vd_json_w_null(vd_json_w *w)
{
    vd_json_w_raw(w, VD_STR("null"));
}

void vd_json_w_text(vd_json_w *w, const char *text)
{
    if (text)
        vd_json_w_slice(w, vd_slice_str(text));
    else
        vd_json_w_null(w);
}

void vd_json_w_int(vd_json_w *w, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, value);
    vd_json_w_raw(w, vd_slice_of(text, (size_t)len));
}

/* Scores and boxes: small numbers with few decimals, many in each event. Returns the text's start.
 */
static char *fixed_point(double value, int decimals, char text[40])
{
    static const double scale[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
    int64_t scaled = llrint(value * scale[decimals]);
    uint64_t rest = (uint64_t)(scaled < 0 ? -scaled : scaled);
    char *at = text + 39;
    *at = '\0';
    for (int digit = 0; digit <= decimals || rest; digit++) {
        if (digit == decimals && decimals > 0) *--at = '.';
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (scaled < 0) *--at = '-';
    return at;
}

void vd_json_w_num(vd_json_w *w, double value, int decimals)
{
    char room[400]; /* the greatest double has 309 digits before the point */
    char *text = room;
    if (!isfinite(value) || decimals < 0 || decimals > 60) {
        vd_json_w_null(w);
        return;
    }
    if (decimals <= 6 && fabs(value) < 1e4)
        text = fixed_point(value, decimals, room);
    else
        snprintf(room, sizeof(room), "%.*f", decimals, value);
    size_t len = strlen(text);
    if (decimals > 0) {
        while (text[len - 1] == '0') len--;
        if (text[len - 1] == '.') len--;
    }
    bool minus_zero = len == 2 && text[0] == '-' && text[1] == '0';
    vd_json_w_raw(w, minus_zero ? VD_STR("0") : vd_slice_of(text, len));
}

void vd_json_w_bool(vd_json_w *w, bool value)
{
    vd_json_w_raw(w, value ? VD_STR("true") : VD_STR("false"));
}

void vd_json_w_time(vd_json_w *w, int64_t utc_us)
{
    char text[VD_UTC_TEXT_ROOM];
    vd_json_w_text(w, utc_us ? vd_utc_text(utc_us, text) : NULL);
}

/* The shortest of 15 to 17 digits that reads back as the same number, always seen as a real. */
static void write_real(vd_json_w *w, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text) - 2, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    if (!strpbrk(text, ".e")) memcpy(text + strlen(text), ".0", sizeof(".0"));
    vd_json_w_raw(w, vd_slice_str(text));
}

static void write_members(vd_json_w *w, const vd_json *node)
{
    const char *key = NULL;
    json_t *value = NULL;
    vd_json_w_object(w);
    json_object_foreach((json_t *)node, key, value)
    {
        vd_json_w_key(w, key);
        vd_json_w_node(w, (const vd_json *)value);
    }
    vd_json_w_object_end(w);
}

static void write_items(vd_json_w *w, const vd_json *node)
{
    vd_json_w_list(w);
    for (size_t i = 0; i < vd_json_len(node); i++) vd_json_w_node(w, vd_json_at(node, i));
    vd_json_w_list_end(w);
}

void vd_json_w_node(vd_json_w *w, const vd_json *node)
{
    if (w->depth >= DEEPEST) {
        w->failed = true;
        vd_json_w_null(w);
        return;
    }
    switch (vd_json_kind_of(node)) {
    case VD_JSON_IS_NULL: vd_json_w_null(w); return;
    case VD_JSON_IS_BOOL: vd_json_w_bool(w, vd_json_bool(node, false)); return;
    case VD_JSON_IS_INT: vd_json_w_int(w, vd_json_int(node, 0)); return;
    case VD_JSON_IS_REAL: write_real(w, vd_json_num(node, 0)); return;
    case VD_JSON_IS_TEXT: vd_json_w_text(w, vd_json_text(node, "")); return;
    case VD_JSON_IS_LIST: write_items(w, node); return;
    case VD_JSON_IS_OBJECT: write_members(w, node); return;
    }
}

void vd_json_w_kv_text(vd_json_w *w, const char *key, const char *text)
{
    vd_json_w_key(w, key);
    vd_json_w_text(w, text);
}

void vd_json_w_kv_int(vd_json_w *w, const char *key, int64_t value)
{
    vd_json_w_key(w, key);
    vd_json_w_int(w, value);
}

void vd_json_w_kv_num(vd_json_w *w, const char *key, double value, int decimals)
{
    vd_json_w_key(w, key);
    vd_json_w_num(w, value, decimals);
}

void vd_json_w_kv_bool(vd_json_w *w, const char *key, bool value)
{
    vd_json_w_key(w, key);
    vd_json_w_bool(w, value);
}

void vd_json_w_kv_time(vd_json_w *w, const char *key, int64_t utc_us)
{
    vd_json_w_key(w, key);
    vd_json_w_time(w, utc_us);
}

vd_err vd_json_w_end(vd_json_w *w)
{
    assert(w->failed || (w->depth == 0 && !w->after_key));
    return w->failed ? VD_FULL : VD_OK;
}

vd_err vd_json_print(const vd_json *node, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_node(&w, node);
    return vd_json_w_end(&w);
}
