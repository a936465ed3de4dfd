/* pool.c - the pool: pictures, what people say of them, what to look at next; and the files that
 * others than incidents need. */
#include "api_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/log.h"

#define PICTURE_ARENA (1u << 20)

/* ---- out ---- */

static void filter_of(request *r, vd_pool_filter *filter)
{
    filter->source = ask_query(r, "source");
    filter->reason = ask_query(r, "reason");
    filter->device = ask_query(r, "device");
    filter->camera = ask_query(r, "camera");
    filter->class_name = ask_query(r, "class");
}

vd_err list_pool(request *r, vd_why *why)
{
    uint64_t limit = 50;
    const char *order = ask_query(r, "order");
    vd_pool_filter filter = { .labels = ask_query(r, "label"), .cursor = ask_query(r, "cursor") };
    filter_of(r, &filter);
    filter.newest_first = order && strcmp(order, "new") == 0;
    if (order && !filter.newest_first && strcmp(order, "teach") != 0)
        return vd_fail(why, VD_INVALID, "'order' must be teach or new");
    vd_err err = ask_count(r, "limit", 1, VD_LIMIT_PAGE_ROWS, &limit, why);
    if (!err) err = ask_time(r, "since", &filter.since_us, why);
    if (!err) err = ask_time(r, "until", &filter.until_us, why);
    if (err) return err;
    filter.limit = (unsigned)limit;

    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_pool_write_page(store, &filter, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err reply_picture(request *r, unsigned status, const char *picture, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_pool_write(store, picture, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    return err ? err : reply_json(r, status, &w, why);
}

vd_err get_pool_picture(request *r, vd_why *why)
{
    return reply_picture(r, MHD_HTTP_OK, r->param[0], why);
}

vd_err next_picture(request *r, vd_why *why)
{
    vd_digest picture;
    vd_pool_filter filter = { 0 };
    filter_of(r, &filter);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err =
        vd_pool_next(store, &filter, ask_query(r, "after"), ask_query(r, "skip"), &picture, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err == VD_ABSENT) return reply_empty(r, MHD_HTTP_NO_CONTENT);
    return err ? err : reply_picture(r, MHD_HTTP_OK, picture.hex, why);
}

vd_err get_pool_history(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    VD_AUTO(vd_buf) unused = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text), there = vd_json_writer(&unused);
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_pool_write(store, r->param[0], &there, why);
    if (!err) err = vd_pool_write_history(store, r->param[0], 0, "entries", &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err list_pool_classes(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_pool_write_classes(store, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

typedef struct {
    const char *name, *who;
} new_class;

static vd_err class_job(vd_store *store, void *arg, vd_why *why)
{
    const new_class *c = arg;
    return vd_pool_add_class(store, c->name, c->who, why);
}

vd_err add_pool_class(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    new_class c = { .who = r->who };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "name", VD_LABEL_CLASS_BYTES, &c.name, why);
    if (!err) err = vd_committer_run(r->api->parts.committer, class_job, &c, why);
    if (err) return err;
    vd_live_tell(r->api->parts.live, VD_LIVE_POOL, "classes", 0);
    return list_pool_classes(r, why);
}

/* ---- in ---- */

typedef struct {
    vd_pool_new picture;
    bool added;
} upload;

static vd_err upload_job(vd_store *store, void *arg, vd_why *why)
{
    upload *u = arg;
    vd_err err = vd_archive_arrived(store, &u->picture.picture, u->picture.bytes, why);
    return err ? err : vd_pool_add(store, &u->picture, &u->added, why);
}

static vd_err need_name(const char *text, const char *what, vd_why *why)
{
    if (text && strlen(text) > VD_LIMIT_NAME_BYTES)
        return vd_fail(why, VD_INVALID, "'%s' has at most %u bytes", what, VD_LIMIT_NAME_BYTES);
    return VD_OK;
}

vd_err add_picture(request *r, vd_why *why)
{
    vd_picture_info info;
    const char *device = ask_query(r, "device"), *camera = ask_query(r, "camera");
    upload u = { .picture = { .source = "import",
                              .reason = "import",
                              .device = device ? device : "import",
                              .camera = camera ? camera : "import",
                              .who = r->who,
                              .bytes = r->body.len } };
    vd_err err = ask_time(r, "captured_at", &u.picture.captured_us, why);
    if (!err) err = need_name(device, "device", why);
    if (!err) err = need_name(camera, "camera", why);
    if (!err) err = vd_picture_check(vd_buf_slice(&r->body), &info, why);
    if (!err)
        err = vd_blobs_put(r->api->parts.blobs, vd_buf_slice(&r->body), &u.picture.picture, why);
    if (err) return err;
    u.picture.width_px = info.width_px;
    u.picture.height_px = info.height_px;
    u.picture.content_type = info.content_type;
    err = vd_committer_run(r->api->parts.committer, upload_job, &u, why);
    if (err) return err;
    const char *digest = u.picture.picture.hex;
    if (u.added) vd_live_tell(r->api->parts.live, VD_LIVE_POOL, digest, 1);
    return reply_picture(r, u.added ? MHD_HTTP_CREATED : MHD_HTTP_OK, digest, why);
}

/* The body as memory, without reading it all at once. */
static vd_err map_body(request *r, vd_slice *ret_bytes, vd_why *why)
{
    if (!r->file_bytes) return vd_fail(why, VD_INVALID, "the body is empty: send a tar or zip");
    int fd = open(r->file.temp_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vd_fail_errno(why, "the archive cannot be read");
    void *at = mmap(NULL, r->file_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return vd_fail_errno(why, "the archive cannot be read");
    *ret_bytes = vd_slice_of(at, r->file_bytes);
    return VD_OK;
}

static vd_err run_import(request *r, vd_slice bytes, const vd_import_wish *wish, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_err err =
        vd_dataset_import(r->api->parts.committer, r->api->parts.blobs, bytes, wish, &w, why);
    if (err) return err;
    vd_json_w_object_end(&w);
    vd_live_tell(r->api->parts.live, VD_LIVE_POOL, "import", 0);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err import_pool(request *r, vd_why *why)
{
    vd_slice bytes = VD_SLICE_NONE;
    vd_import_wish wish = { .camera = ask_query(r, "camera"), .who = r->who };
    if (!vd_dataset_format_parse(ask_query(r, "format"), &wish.format))
        return vd_fail(why, VD_INVALID, "'format' must be coco or yolo");
    vd_err err = need_name(wish.camera, "camera", why);
    if (!err) err = map_body(r, &bytes, why);
    if (err) return err;
    err = run_import(r, bytes, &wish, why);
    (void)munmap((void *)bytes.data, bytes.len);
    return err;
}

/* ---- decisions ---- */

typedef struct decision decision;
struct decision {
    vd_err (*step)(vd_store *store, decision *d, vd_why *why);
    vd_pool_change change;
    vd_label label;
    uint64_t to, version;
    bool agree;
    const char *note;
};

static vd_err step_label(vd_store *store, decision *d, vd_why *why)
{
    return vd_pool_label(store, &d->change, &d->label, &d->version, why);
}

static vd_err step_undo(vd_store *store, decision *d, vd_why *why)
{
    return vd_pool_undo(store, &d->change, d->to, &d->version, why);
}

static vd_err step_review(vd_store *store, decision *d, vd_why *why)
{
    return vd_pool_review(store, &d->change, d->agree, d->note, &d->version, why);
}

static vd_err decide_job(vd_store *store, void *arg, vd_why *why)
{
    decision *d = arg;
    return d->step(store, d, why);
}

/* The answer to a stale version: the error, the picture as it is now, what happened since. */
static vd_err reply_conflict(request *r, uint64_t version, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_why trouble = { 0 };
    vd_json_w_object(&w);
    write_error(&w, VD_CONFLICT, why);
    vd_json_w_key(&w, "picture");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_pool_write(store, r->param[0], &w, &trouble);
    if (!err) err = vd_pool_write_history(store, r->param[0], version, "changes", &w, &trouble);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_CONFLICT, &w, why);
}

static vd_err decide(request *r, decision *d, vd_why *why)
{
    d->change.picture = r->param[0];
    d->change.who = r->who;
    vd_err err = vd_committer_run(r->api->parts.committer, decide_job, d, why);
    if (err == VD_CONFLICT) return reply_conflict(r, d->change.version, why);
    if (err) return err;
    vd_live_tell(r->api->parts.live, VD_LIVE_POOL, r->param[0], d->version);
    return reply_picture(r, MHD_HTTP_OK, r->param[0], why);
}

static vd_err ask_version(request *r, decision *d, vd_json **ret_body, vd_why *why)
{
    vd_err err = ask_json(r, ret_body, why);
    if (err) return err;
    const vd_json *version = vd_json_get(*ret_body, "version");
    int64_t number = vd_json_int(version, 0);
    if (vd_json_kind_of(version) != VD_JSON_IS_INT || number < 1)
        return vd_fail(why, VD_INVALID, "'version' must be the picture's version you saw");
    d->change.version = (uint64_t)number;
    d->change.spent_ms = vd_json_int(vd_json_get(*ret_body, "spent_ms"), 0);
    return VD_OK;
}

vd_err put_label(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(PICTURE_ARENA);
    decision d = { .step = step_label };
    if (!arena) return vd_fail(why, VD_FULL, "no memory");
    vd_err err = ask_version(r, &d, &body, why);
    if (!err) err = vd_label_read(body, arena, &d.label, why);
    return err ? err : decide(r, &d, why);
}

vd_err undo_label(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    decision d = { .step = step_undo };
    vd_err err = ask_version(r, &d, &body, why);
    if (err) return err;
    const vd_json *to = vd_json_get(body, "to");
    if (to && vd_json_int(to, 0) < 1)
        return vd_fail(why, VD_INVALID, "'to' must be a former version");
    d.to = (uint64_t)vd_json_int(to, 0);
    return decide(r, &d, why);
}

vd_err review_label(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    decision d = { .step = step_review };
    vd_err err = ask_version(r, &d, &body, why);
    if (!err && vd_json_kind_of(vd_json_get(body, "agree")) != VD_JSON_IS_BOOL)
        err = vd_fail(why, VD_INVALID, "'agree' must be true or false");
    if (!err) err = may_text(body, "note", VD_LIMIT_NOTE_BYTES, &d.note, why);
    if (err) return err;
    d.agree = vd_json_bool(vd_json_get(body, "agree"), false);
    return decide(r, &d, why);
}

/* ---- files ---- */

static vd_err reply_scaled(request *r, const char *path, unsigned width_px, vd_why *why)
{
    VD_AUTO(vd_buf) whole = VD_BUF(VD_PICTURE_BYTES_MAX);
    VD_AUTO(vd_buf) small = VD_BUF(VD_PICTURE_BYTES_MAX);
    vd_err err = vd_file_load(path, &whole, why);
    const char *type = err ? NULL : vd_picture_type(vd_buf_slice(&whole));
    if (!err && type && strcmp(type, "image/jpeg") == 0)
        err = vd_archive_scale(vd_buf_slice(&whole), width_px, &small, why);
    else if (!err)
        err = vd_picture_scale(vd_buf_slice(&whole), width_px, &small, why);
    return err ? err : reply_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&small), why);
}

vd_err get_blob(request *r, vd_why *why)
{
    vd_digest digest;
    char type[64], path[4096];
    uint64_t bytes = 0, width = 0;
    vd_err err = need_digest(r, &digest, why);
    if (!err) err = ask_count(r, "width", 16, 4096, &width, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_archive_used(store, &digest, type, why);
    bool of_run = false;
    if (err == VD_ABSENT && !vd_run_names_blob(store, &digest, &of_run, why) && of_run) {
        vd_slice_to_chars(VD_STR("application/octet-stream"), type, sizeof type);
        err = VD_OK;
    }
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    if (vd_blobs_path(r->api->parts.blobs, &digest, path, sizeof path, &bytes))
        return vd_fail(why, VD_ABSENT, "this file is not here");
    bool scale = width && strncmp(type, "image/", 6) == 0;
    err = scale ? reply_scaled(r, path, (unsigned)width, why) : reply_file(r, path, bytes, why);
    if (err) return err;
    if (!scale) reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    reply_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "private, max-age=31536000, immutable");
    return VD_OK;
}
