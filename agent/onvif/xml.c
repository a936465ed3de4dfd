/* xml.c - an answer's bytes become a small tree. expat reads; whatever has a document type (and so
 * entities of its own), is too deep, too long or too much is refused. */
#include <expat.h>

#include "onvif_priv.h"

typedef struct {
    XML_Parser parser;
    vd_arena *arena;
    xml_node *root, *at;
    vd_buf text; /* of the element that is open, since its last tag */
    unsigned nodes, depth;
    const char *fault; /* what we refuse; NULL: nothing */
} reader;

static void refuse(reader *r, const char *fault)
{
    if (!r->fault) r->fault = fault;
    XML_StopParser(r->parser, XML_FALSE);
}

static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon ? colon + 1 : name;
}

static const char *token_of(const XML_Char **attributes)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(local_name(attributes[0]), "token") == 0) return attributes[1];
    return NULL;
}

static void append(reader *r, xml_node *node)
{
    node->parent = r->at;
    if (!r->at)
        r->root = node;
    else if (r->at->last)
        r->at->last->next = node;
    else
        r->at->first = node;
    if (r->at) r->at->last = node;
    r->at = node;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    reader *r = arg;
    const char *token = token_of(attributes);

    if (r->fault) return;
    if (++r->depth > ONVIF_DEPTH || ++r->nodes > ONVIF_NODES) {
        refuse(r, r->depth > ONVIF_DEPTH ? "it is nested too deep" : "it has too many elements");
        return;
    }
    xml_node *node = vd_arena_alloc(r->arena, sizeof *node);
    if (node) {
        node->name = vd_arena_str(r->arena, vd_slice_str(local_name(name)));
        node->token = token ? vd_arena_str(r->arena, vd_slice_str(token)) : NULL;
        node->text = "";
    }
    if (!node || !node->name || (token && !node->token)) {
        refuse(r, "it is too long");
        return;
    }
    append(r, node);
    vd_buf_clear(&r->text);
}

static vd_slice trimmed(vd_slice text)
{
    while (text.len && strchr(" \t\r\n", text.data[0])) text = vd_slice_from(text, 1);
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1])) text.len--;
    return text;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    reader *r = arg;
    const vd_slice text = trimmed(vd_buf_slice(&r->text));

    (void)name;
    if (r->fault || !r->at) return;
    if (text.len) r->at->text = vd_arena_str(r->arena, text);
    if (!r->at->text) refuse(r, "it is too long");
    vd_buf_clear(&r->text);
    r->at = r->at->parent;
    r->depth--;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    reader *r = arg;

    if (!vd_buf_add(&r->text, vd_slice_of(text, (size_t)len))) refuse(r, "it is too long");
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int internal)
{
    (void)name, (void)system_id, (void)public_id, (void)internal;
    refuse(arg, "it has a document type");
}

static vd_err outcome(const reader *r, enum XML_Status status, vd_why *why)
{
    if (status == XML_STATUS_OK && !r->fault && r->root) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "the answer is no XML that we take");
    vd_why_detail(why, "line %lu: %s", XML_GetCurrentLineNumber(r->parser),
                  r->fault ? r->fault : XML_ErrorString(XML_GetErrorCode(r->parser)));
    return VD_INVALID;
}

vd_err xml_read(vd_slice bytes, vd_arena *arena, const xml_node **ret_root, vd_why *why)
{
    reader r = { .arena = arena, .text = VD_BUF(ONVIF_ANSWER_BYTES) };

    if (bytes.len == 0) return vd_fail(why, VD_INVALID, "the answer is empty");
    if (bytes.len > ONVIF_ANSWER_BYTES)
        return vd_fail(why, VD_INVALID, "the answer has more than %u bytes", ONVIF_ANSWER_BYTES);
    r.parser = XML_ParserCreate(NULL);
    if (!r.parser) return vd_fail(why, VD_FULL, "no memory to read an answer");
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    vd_err err = outcome(&r, XML_Parse(r.parser, (const char *)bytes.data, (int)bytes.len, 1), why);
    XML_ParserFree(r.parser);
    vd_buf_done(&r.text);
    if (!err) *ret_root = r.root;
    return err;
}

static const xml_node *child(const xml_node *node, vd_slice name)
{
    const xml_node *one = node ? node->first : NULL;

    while (one && !vd_slice_eq(vd_slice_str(one->name), name)) one = one->next;
    return one;
}

const xml_node *xml_get(const xml_node *node, const char *path)
{
    for (vd_slice rest = vd_slice_str(path); node && rest.len;) {
        const vd_slice name = vd_slice_cut(rest, '/', &rest);
        node = child(node, name);
    }
    return node;
}

const char *xml_text(const xml_node *node, const char *path)
{
    const xml_node *found = xml_get(node, path);

    return found ? found->text : "";
}

const xml_node *xml_next(const xml_node *node)
{
    const char *name = node->name;

    do node = node->next;
    while (node && strcmp(node->name, name) != 0);
    return node;
}

void xml_clean(const char *text, char *into, size_t room)
{
    size_t at = 0;

    for (vd_slice rest = vd_slice_str(text); rest.len;) {
        const size_t len = vd_utf8_len(rest);
        const bool control = len == 0 || rest.data[0] < 0x20 || rest.data[0] == 0x7f ||
                             (rest.data[0] == 0xc2 && rest.data[1] < 0xa0);
        if (at + (control ? 1 : len) >= room) break;
        if (control)
            into[at] = ' ';
        else
            memcpy(into + at, rest.data, len);
        at += control ? 1 : len;
        rest = vd_slice_from(rest, len ? len : 1);
    }
    into[at] = '\0';
}

bool xml_add(vd_buf *into, const char *text)
{
    bool good = true;

    for (; good && *text; text++) {
        switch (*text) {
        case '&': good = vd_buf_add_str(into, "&amp;"); break;
        case '<': good = vd_buf_add_str(into, "&lt;"); break;
        case '>': good = vd_buf_add_str(into, "&gt;"); break;
        case '"': good = vd_buf_add_str(into, "&quot;"); break;
        default: good = vd_buf_add_byte(into, (uint8_t)*text);
        }
    }
    return good;
}
