/* run_config.c - a run's configuration: a table of members, their ranges and defaults. */
#include "runs_priv.h"

#include <math.h>

enum { TRAIN = 1 << VD_RUN_KIND_TRAIN, QUANTIZE = 1 << VD_RUN_KIND_QUANTIZE, ANY = 7 };

typedef enum { DIGEST, SPLIT, WHOLE, NUMBER, SWITCH } member_type;
typedef struct {
    const char *name;
    unsigned kinds;
    member_type type;
    bool needed;
    double least, most, otherwise;
} member;

/* By name: the configuration is written in this order, so that equal ones have equal bytes. */
static const member members[] = {
    { "augment", TRAIN, SWITCH, .otherwise = 1 },
    { "batch", TRAIN, WHOLE, false, 1, 256, 8 },
    { "budget", QUANTIZE, NUMBER, false, 0, 0.5, 0.01 },
    { "calibration", QUANTIZE, WHOLE, false, 1, 2000, 100 },
    { "checkpoint_s", TRAIN, WHOLE, false, 1, 3600, 30 },
    { "dataset", ANY, DIGEST, .needed = true },
    { "descriptor", ANY, DIGEST },
    { "epochs", TRAIN, WHOLE, false, 1, 1000, 20 },
    { "freeze", TRAIN, NUMBER, false, 0, 1, 0.9 },
    { "learning_rate", TRAIN, NUMBER, false, 1e-7, 1, 1e-3 },
    { "model", ANY, DIGEST, .needed = true },
    { "patience", TRAIN, WHOLE, false, 0, 1000, 5 },
    { "seed", ANY, WHOLE, false, 0, 9007199254740991.0, 1 },
    { "split", ANY, SPLIT, .otherwise = VD_DATASET_SPLIT_TEST },
    { "threads", ANY, WHOLE, false, 0, 256, 0 },
    { "weight_decay", TRAIN, NUMBER, false, 0, 1, 1e-4 },
};

static vd_err wrong(const member *m, vd_why *why)
{
    switch (m->type) {
    case DIGEST:
        return vd_fail(why, VD_INVALID, "'%s' must be a SHA-256 of 64 hex digits", m->name);
    case SPLIT: return vd_fail(why, VD_INVALID, "'%s' must be train, val or test", m->name);
    case SWITCH: return vd_fail(why, VD_INVALID, "'%s' must be true or false", m->name);
    case WHOLE:
        return vd_fail(why, VD_INVALID, "'%s' must be a whole number, %.0f to %.0f", m->name,
                       m->least, m->most);
    case NUMBER: break;
    }
    return vd_fail(why, VD_INVALID, "'%s' must be a number, %g to %g", m->name, m->least, m->most);
}

static vd_err write_digest(const member *m, const vd_json *value, vd_json_w *w, vd_why *why)
{
    vd_digest digest;
    const char *text = vd_json_text(value, "");
    if (strlen(text) != VD_SHA256_HEX || !vd_digest_parse(vd_slice_str(text), &digest))
        return wrong(m, why);
    vd_json_w_kv_text(w, m->name, digest.hex);
    return VD_OK;
}

static vd_err write_number(const member *m, const vd_json *value, vd_json_w *w, vd_why *why)
{
    vd_json_kind kind = vd_json_kind_of(value);
    double number = vd_json_num(value, m->otherwise);
    bool fits = kind == VD_JSON_IS_NULL || kind == VD_JSON_IS_INT ||
                (kind == VD_JSON_IS_REAL && m->type == NUMBER);
    if (!fits || !(number >= m->least && number <= m->most)) return wrong(m, why);
    if (m->type == WHOLE)
        vd_json_w_kv_int(w, m->name, (int64_t)number);
    else
        vd_json_w_kv_num(w, m->name, number, 9);
    return VD_OK;
}

static vd_err write_member(const member *m, const vd_json *value, vd_json_w *w, vd_why *why)
{
    vd_json_kind kind = vd_json_kind_of(value);
    bool absent = kind == VD_JSON_IS_NULL;
    if (absent && m->needed) return vd_fail(why, VD_INVALID, "'%s' is missing", m->name);
    switch (m->type) {
    case DIGEST: return absent ? VD_OK : write_digest(m, value, w, why);
    case SPLIT:
        if (!absent && vd_word_index(vd_dataset_split_words, vd_json_text(value, NULL)) < 0)
            return wrong(m, why);
        vd_json_w_kv_text(w, m->name,
                          vd_json_text(value, vd_dataset_split_words[(int)m->otherwise]));
        return VD_OK;
    case SWITCH:
        if (!absent && kind != VD_JSON_IS_BOOL) return wrong(m, why);
        vd_json_w_kv_bool(w, m->name, vd_json_bool(value, m->otherwise != 0));
        return VD_OK;
    case WHOLE:
    case NUMBER: return write_number(m, value, w, why);
    }
    return VD_INVALID;
}

static vd_err check_name(int kind, const char *name, vd_why *why)
{
    const char *known[VD_COUNT_OF(members)];
    size_t count = 0;
    for (size_t n = 0; n < VD_COUNT_OF(members); n++) {
        if (!(members[n].kinds & 1u << kind)) continue;
        if (strcmp(members[n].name, name) == 0) return VD_OK;
        known[count++] = members[n].name;
    }
    (void)vd_fail(why, VD_INVALID, "a run of kind '%s' has no '%.60s'", vd_run_kind_words[kind],
                  name);
    const char *near = vd_nearest(vd_slice_str(name), known, count);
    if (near) vd_why_hint(why, "did you mean '%s'?", near);
    return VD_INVALID;
}

static vd_run_needs needs_of(const vd_json *config)
{
    vd_run_needs needs = { 0 };
    const char *descriptor = vd_json_text(vd_json_get(config, "descriptor"), NULL);
    const char *split = vd_json_text(vd_json_get(config, "split"), "test");
    (void)!vd_digest_parse(vd_slice_str(vd_json_text(vd_json_get(config, "dataset"), "")),
                           &needs.dataset);
    (void)!vd_digest_parse(vd_slice_str(vd_json_text(vd_json_get(config, "model"), "")),
                           &needs.model);
    needs.has_descriptor =
        descriptor && vd_digest_parse(vd_slice_str(descriptor), &needs.descriptor);
    needs.split = vd_word_index(vd_dataset_split_words, split);
    return needs;
}

vd_err vd_run_config(int kind, const vd_json *config, vd_buf *into, vd_run_needs *ret_needs,
                     vd_why *why)
{
    const char *name = NULL;
    vd_err err = VD_OK;
    if (vd_json_kind_of(config) != VD_JSON_IS_OBJECT)
        return vd_fail(why, VD_INVALID, "'config' must be an object");
    for (size_t n = 0; !err && n < vd_json_len(config); n++) {
        (void)vd_json_member(config, n, &name);
        err = check_name(kind, name, why);
    }
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    for (size_t n = 0; !err && n < VD_COUNT_OF(members); n++)
        if (members[n].kinds & 1u << kind)
            err = write_member(&members[n], vd_json_get(config, members[n].name), &w, why);
    if (err) return err;
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the configuration is too large");
    *ret_needs = needs_of(config);
    return VD_OK;
}
