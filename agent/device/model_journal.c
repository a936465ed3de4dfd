/* model_journal.c - which model is in use. One JSON object, written aside and renamed, so that what
 * is read is always a whole old or a whole new one.
 *
 *   {"format":"vedette.models/1","active":{"release","manifest"},"good":{...},"since":"...",
 *    "trial":true,"clean":false,"deaths":0,"bad":{...},"bad_returned":false,"why","detail","hint"}
 */
#include <stdio.h>
#include <unistd.h>

#include "models_priv.h"
#include "vd/clock.h"
#include "vd/file.h"

#define JOURNAL_BYTES 8192
#define FORMAT        "vedette.models/1"

static void write_ref(vd_json_w *w, const char *key, const model_ref *ref)
{
    vd_json_w_key(w, key);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "release", ref->release);
    vd_json_w_kv_text(w, "manifest", ref->manifest);
    vd_json_w_object_end(w);
}

static const char *journal_path(const char *dir, char into[MODEL_PATH_ROOM])
{
    snprintf(into, MODEL_PATH_ROOM, "%s/journal.json", dir);
    return into;
}

vd_err model_journal_save(const char *dir, const model_journal *j, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(JOURNAL_BYTES);
    vd_json_w w = vd_json_writer(&text);
    char path[MODEL_PATH_ROOM];

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "format", FORMAT);
    write_ref(&w, "active", &j->active);
    write_ref(&w, "good", &j->good);
    write_ref(&w, "bad", &j->bad);
    vd_json_w_kv_time(&w, "since", j->since_utc_us);
    vd_json_w_kv_bool(&w, "trial", j->trial);
    vd_json_w_kv_bool(&w, "clean", j->clean);
    vd_json_w_kv_int(&w, "deaths", j->deaths);
    vd_json_w_kv_bool(&w, "bad_returned", j->bad_returned);
    vd_json_w_kv_text(&w, "why", j->bad_why.fact);
    vd_json_w_kv_text(&w, "detail", j->bad_why.detail);
    vd_json_w_kv_text(&w, "hint", j->bad_why.hint);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, err, "the models' journal does not fit into memory");
    return vd_file_save(journal_path(dir, path), 0640, vd_buf_slice(&text), why);
}

static bool read_ref(const vd_json *node, model_ref *ref)
{
    vd_ulid id;
    vd_digest digest;
    const char *release = vd_json_text(vd_json_get(node, "release"), "");
    const char *manifest = vd_json_text(vd_json_get(node, "manifest"), "");

    if (release[0] && !vd_ulid_parse(vd_slice_str(release), &id)) return false;
    if (manifest[0] && !vd_digest_parse(vd_slice_str(manifest), &digest)) return false;
    return vd_slice_to_chars(vd_slice_str(release), ref->release, sizeof ref->release) &&
           vd_slice_to_chars(vd_slice_str(manifest), ref->manifest, sizeof ref->manifest);
}

static void read_text(const vd_json *root, const char *key, char *into, size_t room)
{
    vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(root, key), "")), into, room);
}

static bool read_journal(const vd_json *root, model_journal *j)
{
    const char *since = vd_json_text(vd_json_get(root, "since"), "");

    if (strcmp(vd_json_text(vd_json_get(root, "format"), ""), FORMAT) != 0) return false;
    if (!vd_utc_parse(vd_slice_str(since), &j->since_utc_us)) j->since_utc_us = 0;
    j->trial = vd_json_bool(vd_json_get(root, "trial"), false);
    j->clean = vd_json_bool(vd_json_get(root, "clean"), false);
    j->deaths = (unsigned)vd_json_int(vd_json_get(root, "deaths"), 0);
    j->bad_returned = vd_json_bool(vd_json_get(root, "bad_returned"), false);
    read_text(root, "why", j->bad_why.fact, sizeof j->bad_why.fact);
    read_text(root, "detail", j->bad_why.detail, sizeof j->bad_why.detail);
    read_text(root, "hint", j->bad_why.hint, sizeof j->bad_why.hint);
    return read_ref(vd_json_get(root, "active"), &j->active) &&
           read_ref(vd_json_get(root, "good"), &j->good) &&
           read_ref(vd_json_get(root, "bad"), &j->bad);
}

vd_err model_journal_load(const char *dir, model_journal *ret_journal, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(JOURNAL_BYTES);
    VD_AUTO(vd_json_ptr) root = NULL;
    model_journal journal = { 0 };
    char path[MODEL_PATH_ROOM];

    *ret_journal = journal;
    if (access(journal_path(dir, path), F_OK)) return VD_OK;
    vd_err err = vd_file_load(path, &text, why);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), JOURNAL_BYTES, 4, &root, why);
    if (!err && !read_journal(root, &journal))
        err = vd_fail(why, VD_CORRUPT, "the models' journal is no journal");
    if (err) return VD_CORRUPT;
    *ret_journal = journal;
    return VD_OK;
}
