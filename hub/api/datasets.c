/* datasets.c - dataset versions: make, list, look into, compare, take along. */
#include "api_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "vd/clock.h"

#define LIST_MAX 1000 /* classes, cameras */

vd_err list_datasets(request *r, vd_why *why)
{
    uint64_t limit = 50;
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_dataset_write_page(store, ask_query(r, "name"), ask_query(r, "cursor"),
                                (unsigned)limit, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

/* ---- making ---- */

static vd_err read_texts(const vd_json *body, const char *key, vd_arena *arena,
                         const char *const **ret_list, unsigned *ret_count, vd_why *why)
{
    const vd_json *list = vd_json_get(body, key);
    size_t count = vd_json_len(list);
    vd_json_kind kind = vd_json_kind_of(list);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    const char **texts = count <= LIST_MAX ? vd_arena_alloc(arena, count * sizeof *texts) : NULL;
    if (kind != VD_JSON_IS_LIST || !texts || !count)
        return vd_fail(why, VD_INVALID, "'%s' must be a list of 1 to %d texts", key, LIST_MAX);
    for (size_t i = 0; i < count; i++) {
        texts[i] = vd_json_text(vd_json_at(list, i), NULL);
        if (!texts[i]) return vd_fail(why, VD_INVALID, "'%s' must be a list of texts", key);
    }
    *ret_list = texts;
    *ret_count = (unsigned)count;
    return VD_OK;
}

static vd_err may_number(const vd_json *object, const char *key, double least, double most,
                         double *value, vd_why *why)
{
    const vd_json *node = vd_json_get(object, key);
    vd_json_kind kind = vd_json_kind_of(node);
    if (kind == VD_JSON_IS_NULL) return VD_OK;
    double number = vd_json_num(node, -1);
    if ((kind != VD_JSON_IS_INT && kind != VD_JSON_IS_REAL) || !(number >= least) ||
        !(number <= most))
        return vd_fail(why, VD_INVALID, "'%s' must be %g to %g", key, least, most);
    *value = number;
    return VD_OK;
}

static vd_err may_time(const vd_json *body, const char *key, int64_t *value, vd_why *why)
{
    const char *text = NULL;
    vd_err err = may_text(body, key, 64, &text, why);
    if (err || !text || vd_utc_parse(vd_slice_str(text), value)) return err;
    return vd_fail(why, VD_INVALID, "'%s' must be a time like 2026-11-21T14:02:11Z", key);
}

static vd_err read_wish(const vd_json *body, vd_arena *arena, vd_dataset_wish *wish, vd_why *why)
{
    double seed = 1, block_s = 0;
    const vd_json *split = vd_json_get(body, "split");
    vd_err err = need_text(body, "name", VD_LABEL_CLASS_BYTES, &wish->name, why);
    if (!err) err = may_text(body, "task", 32, &wish->task, why);
    if (!err) err = may_number(body, "seed", 0, 9007199254740991.0, &seed, why);
    if (!err) err = may_number(split, "block_s", 1, 86400.0 * 366, &block_s, why);
    if (!err) err = may_number(split, "val", 0, 0.9, &wish->val, why);
    if (!err) err = may_number(split, "test", 0, 0.9, &wish->test, why);
    if (!err) err = may_time(body, "since", &wish->since_us, why);
    if (!err) err = may_time(body, "until", &wish->until_us, why);
    if (!err) err = read_texts(body, "classes", arena, &wish->classes, &wish->class_count, why);
    if (!err) err = read_texts(body, "cameras", arena, &wish->cameras, &wish->camera_count, why);
    wish->seed = (uint64_t)seed;
    wish->block_s = (int64_t)block_s;
    wish->reviewed_only = vd_json_bool(vd_json_get(body, "reviewed_only"), false);
    return err;
}

static vd_err reply_made(request *r, const vd_manifest *m, const vd_dataset_made *made, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "dataset");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_dataset_write(store, &made->digest, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_manifest_write_warnings(m, made, &w);
    vd_json_w_object_end(&w);
    return reply_json(r, made->made ? MHD_HTTP_CREATED : MHD_HTTP_OK, &w, why);
}

vd_err create_dataset(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_DATASET_ARENA);
    vd_dataset_wish wish = { .val = -1, .test = -1, .who = r->who };
    vd_dataset_made made = { 0 };
    vd_manifest manifest;
    if (!arena) return vd_fail(why, VD_FULL, "no memory");
    vd_err err = ask_json(r, &body, why);
    if (!err) err = read_wish(body, arena, &wish, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_dataset_make(store, r->api->parts.committer, r->api->parts.blobs, &wish, arena,
                          &manifest, &made, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_live_tell(r->api->parts.live, VD_LIVE_POOL, made.digest.hex, 0);
    return reply_made(r, &manifest, &made, why);
}

/* ---- one version ---- */

/* VD_ABSENT when the digest names a file that is no dataset. */
static vd_err check_known(request *r, const vd_digest *digest, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_dataset_write(store, digest, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err;
}

static vd_err load(request *r, const char *text, vd_arena *arena, vd_digest *ret_digest,
                   vd_manifest *ret_manifest, vd_why *why)
{
    if (!arena) return vd_fail(why, VD_FULL, "no memory");
    if (strlen(text) != VD_SHA256_HEX || !vd_digest_parse(vd_slice_str(text), ret_digest))
        return vd_fail(why, VD_ABSENT, "'%.80s' is no digest", text);
    vd_err err = check_known(r, ret_digest, why);
    return err ? err : vd_dataset_load(r->api->parts.blobs, ret_digest, arena, ret_manifest, why);
}

vd_err get_dataset(request *r, vd_why *why)
{
    vd_digest digest;
    char path[4096];
    uint64_t bytes = 0;
    vd_err err = need_digest(r, &digest, why);
    if (!err) err = check_known(r, &digest, why);
    if (err) return err;
    if (vd_blobs_path(r->api->parts.blobs, &digest, path, sizeof path, &bytes))
        return vd_fail(why, VD_ABSENT, "the manifest is not here");
    err = reply_file(r, path, bytes, why);
    if (err) return err;
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "private, max-age=31536000, immutable");
    return VD_OK;
}

vd_err get_dataset_report(request *r, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_DATASET_ARENA);
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_digest digest;
    vd_manifest manifest;
    vd_err err = load(r, r->param[0], arena, &digest, &manifest, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_dataset_write_report(store, &digest, &manifest, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err diff_datasets(request *r, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_DATASET_ARENA);
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_digest from, to;
    vd_manifest before, after;
    vd_err err = load(r, r->param[0], arena, &from, &before, why);
    if (!err) err = load(r, r->param[1], arena, &to, &after, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "from", from.hex);
    vd_json_w_kv_text(&w, "to", to.hex);
    vd_manifest_write_diff(&before, &after, &w);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

/* The tar is made in a file without a name: memory stays bounded, and a failure is told as one. */
static vd_err make_tar(request *r, const vd_manifest *manifest, vd_dataset_format format, int *fd,
                       vd_why *why)
{
    *fd = open(r->api->parts.work_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0) return vd_fail_errno(why, "no file for the export can be made");
    return vd_dataset_export(r->api->parts.blobs, manifest, format, *fd, why);
}

vd_err export_dataset(request *r, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(VD_DATASET_ARENA);
    vd_digest digest;
    vd_manifest manifest = { 0 };
    vd_dataset_format format = VD_FORMAT_COCO;
    char name[200];
    int fd = -1;
    if (!vd_dataset_format_parse(ask_query(r, "format"), &format))
        return vd_fail(why, VD_INVALID, "'format' must be coco or yolo");
    vd_err err = load(r, r->param[0], arena, &digest, &manifest, why);
    if (!err) err = make_tar(r, &manifest, format, &fd, why);
    off_t bytes = err ? -1 : lseek(fd, 0, SEEK_END);
    if (!err && bytes >= 0) r->response = MHD_create_response_from_fd64((uint64_t)bytes, fd);
    if (!r->response) {
        if (fd >= 0) close(fd);
        return err ? err : vd_fail(why, VD_FULL, "no memory for the answer");
    }
    r->status = MHD_HTTP_OK;
    (void)snprintf(name, sizeof name, "attachment; filename=\"%.64s-%.12s-%s.tar\"", manifest.name,
                   digest.hex, format == VD_FORMAT_COCO ? "coco" : "yolo");
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-tar");
    reply_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, name);
    return VD_OK;
}
