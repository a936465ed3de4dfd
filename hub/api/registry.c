/* registry.c - OCI Distribution 1.1 under /v2/: the registry's words over HTTP.
 *
 *   /v2/                              may I (401 asks for Basic sign-in)
 *   /v2/NAME/blobs/DIGEST             GET HEAD DELETE
 *   /v2/NAME/blobs/uploads/[ID]       POST, then PATCH any number of times, then PUT ?digest=
 *   /v2/NAME/manifests/TAG|DIGEST     GET HEAD PUT DELETE
 *   /v2/NAME/tags/list  /v2/NAME/referrers/DIGEST  /v2/_catalog
 *
 * NAME may hold slashes, so paths are read from their end. Errors have the registry's shape; who
 * may pull is a viewer or a device, who may push an operator. */
#include "api_priv.h"

#include <stdarg.h>
#include <stdio.h>

#define LIST_DEFAULT 100
#define LIST_MAX     1000
#define TARGET_ROOM  256

/* ---- which thing a path names ---- */

typedef enum { PING, CATALOG, BLOB, UPLOADS, UPLOAD, MANIFEST, TAGS, REFERRERS } oci_kind;
typedef struct {
    oci_kind kind;
    char name[VD_OCI_NAME_MAX + 1], target[TARGET_ROOM];
} oci_path;

/* "NAME/MARK/TARGET": the last mark counts. */
static bool split_at(const char *path, const char *mark, oci_path *into)
{
    const char *found = NULL, *at = path;
    while ((at = strstr(at, mark))) found = at++;
    if (!found || found == path) return false;
    const char *target = found + strlen(mark);
    return vd_slice_to_chars(vd_slice_of(path, (size_t)(found - path)), into->name,
                             sizeof into->name) &&
           vd_slice_to_chars(vd_slice_str(target), into->target, sizeof into->target) &&
           !strchr(target, '/');
}

static bool path_read(const char *path, oci_path *ret_path)
{
    static const struct {
        const char *mark;
        oci_kind kind;
    } marks[] = { { "/blobs/uploads/", UPLOAD },
                  { "/blobs/", BLOB },
                  { "/manifests/", MANIFEST },
                  { "/tags/", TAGS },
                  { "/referrers/", REFERRERS } };
    *ret_path = (oci_path){ .kind = PING };
    if (strcmp(path, "/v2") == 0 || strcmp(path, "/v2/") == 0) return true;
    ret_path->kind = CATALOG;
    if (strcmp(path, "/v2/_catalog") == 0) return true;
    for (size_t n = 0; n < VD_COUNT_OF(marks); n++) {
        if (!split_at(path + 4, marks[n].mark, ret_path)) continue;
        ret_path->kind = marks[n].kind;
        if (marks[n].kind == UPLOAD && !ret_path->target[0]) ret_path->kind = UPLOADS;
        if (marks[n].kind == TAGS) return strcmp(ret_path->target, "list") == 0;
        return ret_path->kind == UPLOADS || ret_path->target[0];
    }
    return false;
}

bool is_registry(const char *path)
{
    return strncmp(path, "/v2", 3) == 0 && (path[3] == '/' || path[3] == '\0');
}

/* ---- answers ---- */

static vd_registry *registry_of(const request *r)
{
    return r->api->parts.registry;
}

/* An error with the specification's word for it. */
static vd_err code(request *r, vd_err err, const char *word)
{
    if (err) r->oci_code = word;
    return err;
}

static const char *code_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_UNAUTHORIZED: return "UNAUTHORIZED";
    case MHD_HTTP_FORBIDDEN: return "DENIED";
    case MHD_HTTP_NOT_FOUND: return "NAME_UNKNOWN";
    case MHD_HTTP_CONTENT_TOO_LARGE: return "SIZE_INVALID";
    case MHD_HTTP_TOO_MANY_REQUESTS:
    case MHD_HTTP_SERVICE_UNAVAILABLE: return "TOOMANYREQUESTS";
    case MHD_HTTP_INSUFFICIENT_STORAGE: return "BLOB_UPLOAD_INVALID";
    default: return "UNSUPPORTED";
    }
}

void write_registry_error(request *r, unsigned status, vd_json_w *w, const vd_why *why)
{
    char line[720];
    vd_json_w_object(w);
    vd_json_w_key(w, "errors");
    vd_json_w_list(w);
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "code", r->oci_code ? r->oci_code : code_of(status));
    vd_json_w_kv_text(w, "message",
                      why->fact[0] ? vd_why_line(why, line, sizeof line) : "the request failed");
    vd_json_w_object_end(w);
    vd_json_w_list_end(w);
    vd_json_w_object_end(w);
}

/* Appends the query of `more` when the list goes on behind it. */
static void link_header(request *r, const char *last, uint64_t limit)
{
    VD_AUTO(vd_buf) link = VD_BUF(2048);
    if (!last[0]) return;
    vd_buf_addf(&link, "<%s?n=%llu&last=", r->path, (unsigned long long)limit);
    vd_url_encode(vd_slice_str(last), &link);
    if (vd_buf_add_str(&link, ">; rel=\"next\"")) reply_header(r, "Link", link.data);
}

static void digest_header(request *r, const char *name, const vd_digest *digest)
{
    char text[8 + VD_SHA256_HEX];
    (void)snprintf(text, sizeof text, "sha256:%s", digest->hex);
    reply_header(r, name, text);
}

static void location(request *r, const char *format, ...) VD_PRINTF(2, 3);
static void location(request *r, const char *format, ...)
{
    char text[VD_OCI_NAME_MAX + 128];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reply_header(r, MHD_HTTP_HEADER_LOCATION, text);
}

static vd_err target_digest(request *r, const char *text, vd_digest *ret_digest, vd_why *why)
{
    if (text && strlen(text) == 7 + VD_SHA256_HEX &&
        vd_digest_parse(vd_slice_str(text), ret_digest))
        return VD_OK;
    r->oci_code = "DIGEST_INVALID";
    return vd_fail(why, VD_INVALID, "a digest like sha256:... is needed, not '%.90s'",
                   text ? text : "");
}

/* ---- uploads ---- */

static vd_err reply_upload(request *r, unsigned status, const char *name, const char *upload,
                           uint64_t bytes)
{
    char range[48];
    vd_err err = reply_empty(r, status);
    if (err) return err;
    location(r, "/v2/%s/blobs/uploads/%s", name, upload);
    reply_header(r, "Docker-Upload-UUID", upload);
    (void)snprintf(range, sizeof range, "0-%llu",
                   (unsigned long long)(bytes ? bytes - 1 : 0)); /* inclusive, so never "none" */
    reply_header(r, MHD_HTTP_HEADER_RANGE, range);
    return VD_OK;
}

static vd_err reply_blob_made(request *r, const char *name, const vd_digest *digest)
{
    vd_err err = reply_empty(r, MHD_HTTP_CREATED);
    if (err) return err;
    location(r, "/v2/%s/blobs/sha256:%s", name, digest->hex);
    digest_header(r, "Docker-Content-Digest", digest);
    return VD_OK;
}

/* Content-Range: FIRST-LAST, inclusive; absent: at the end. */
static vd_err read_range(request *r, uint64_t *ret_first, bool *ret_given, vd_why *why)
{
    const char *text = ask_header(r, MHD_HTTP_HEADER_CONTENT_RANGE);
    vd_slice last, first = vd_slice_cut(vd_slice_str(text), '-', &last);
    uint64_t end = 0;
    *ret_given = text != NULL;
    if (!text) return VD_OK;
    if (vd_slice_u64(first, INT64_MAX, ret_first) && vd_slice_u64(last, INT64_MAX, &end) &&
        end >= *ret_first && end - *ret_first + 1 == r->file_bytes)
        return VD_OK;
    r->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
    return code(r,
                vd_fail(why, VD_INVALID, "Content-Range '%.60s' does not fit %llu bytes", text,
                        (unsigned long long)r->file_bytes),
                "BLOB_UPLOAD_INVALID");
}

static vd_err add_bytes(request *r, const oci_path *at, uint64_t *ret_bytes, vd_why *why)
{
    uint64_t first = 0;
    bool given = false;
    vd_err err = read_range(r, &first, &given, why);
    if (err) return err;
    err = vd_oci_upload_add(registry_of(r), at->name, at->target, given ? &first : NULL,
                            r->file.temp_path, ret_bytes, why);
    if (err == VD_CONFLICT) r->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
    return code(r, err, err == VD_ABSENT ? "BLOB_UPLOAD_UNKNOWN" : "BLOB_UPLOAD_INVALID");
}

static vd_err finish_upload(request *r, const oci_path *at, const vd_digest *digest, vd_why *why)
{
    vd_err err = vd_oci_upload_finish(registry_of(r), at->name, at->target, digest, why);
    if (err == VD_CORRUPT) r->status = MHD_HTTP_BAD_REQUEST;
    if (err)
        return code(r, err,
                    err == VD_ABSENT    ? "BLOB_UPLOAD_UNKNOWN"
                    : err == VD_CORRUPT ? "DIGEST_INVALID"
                                        : "BLOB_UPLOAD_INVALID");
    return reply_blob_made(r, at->name, digest);
}

static bool mounted(request *r, const oci_path *at)
{
    vd_digest digest;
    const char *mount = ask_query(r, "mount"), *from = ask_query(r, "from");
    return mount && from && strlen(mount) == 7 + VD_SHA256_HEX &&
           vd_digest_parse(vd_slice_str(mount), &digest) &&
           !vd_oci_blob_mount(registry_of(r), at->name, from, &digest, NULL) &&
           !reply_blob_made(r, at->name, &digest);
}

static vd_err post_upload(request *r, oci_path *at, vd_why *why)
{
    vd_ulid upload;
    vd_digest digest;
    uint64_t bytes = 0;
    const char *whole = ask_query(r, "digest");
    if (mounted(r, at)) return VD_OK;
    vd_err err = whole ? target_digest(r, whole, &digest, why) : VD_OK;
    if (!err) err = code(r, vd_oci_upload_begin(registry_of(r), at->name, &upload, why), NULL);
    if (err == VD_INVALID && !r->oci_code) r->oci_code = "NAME_INVALID";
    if (err) return err;
    vd_slice_to_chars(vd_slice_str(upload.text), at->target, sizeof at->target);
    if (!whole) return reply_upload(r, MHD_HTTP_ACCEPTED, at->name, upload.text, 0);
    err = add_bytes(r, at, &bytes, why);
    return err ? err : finish_upload(r, at, &digest, why);
}

static vd_err patch_upload(request *r, oci_path *at, vd_why *why)
{
    uint64_t bytes = 0;
    vd_err err = add_bytes(r, at, &bytes, why);
    return err ? err : reply_upload(r, MHD_HTTP_ACCEPTED, at->name, at->target, bytes);
}

static vd_err put_upload(request *r, oci_path *at, vd_why *why)
{
    vd_digest digest;
    uint64_t bytes = 0;
    vd_err err = target_digest(r, ask_query(r, "digest"), &digest, why);
    if (!err && r->file_bytes) err = add_bytes(r, at, &bytes, why);
    return err ? err : finish_upload(r, at, &digest, why);
}

static vd_err get_upload(request *r, oci_path *at, vd_why *why)
{
    uint64_t bytes = 0;
    vd_err err = vd_oci_upload_size(registry_of(r), at->name, at->target, &bytes, why);
    if (err) return code(r, err, "BLOB_UPLOAD_UNKNOWN");
    return reply_upload(r, MHD_HTTP_NO_CONTENT, at->name, at->target, bytes);
}

static vd_err delete_upload(request *r, oci_path *at, vd_why *why)
{
    vd_err err = vd_oci_upload_cancel(registry_of(r), at->name, at->target, why);
    return err ? code(r, err, "BLOB_UPLOAD_UNKNOWN") : reply_empty(r, MHD_HTTP_NO_CONTENT);
}

/* ---- blobs ---- */

static vd_err read_blob(request *r, oci_path *at, vd_why *why)
{
    char path[4096];
    uint64_t bytes = 0;
    vd_digest digest;
    vd_err err = target_digest(r, at->target, &digest, why);
    if (err) return err;
    err = vd_oci_blob_find(registry_of(r), at->name, &digest, path, sizeof path, &bytes, why);
    if (err) return code(r, err, "BLOB_UNKNOWN");
    err = bytes ? reply_file(r, path, bytes, why) : reply_empty(r, MHD_HTTP_OK);
    if (err) return err;
    reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    reply_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    digest_header(r, "Docker-Content-Digest", &digest);
    return VD_OK;
}

static vd_err delete_blob(request *r, oci_path *at, vd_why *why)
{
    vd_digest digest;
    vd_err err = target_digest(r, at->target, &digest, why);
    if (err) return err;
    err = vd_oci_blob_delete(registry_of(r), at->name, &digest, why);
    return err ? code(r, err, err == VD_ABSENT ? "BLOB_UNKNOWN" : "DENIED")
               : reply_empty(r, MHD_HTTP_ACCEPTED);
}

/* ---- manifests ---- */

static vd_err get_manifest(request *r, oci_path *at, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(VD_ARTIFACT_MANIFEST_BYTES);
    char type[VD_ARTIFACT_TEXT_MAX + 1];
    vd_digest digest;
    vd_err err =
        vd_oci_manifest_get(registry_of(r), at->name, at->target, &body, type, &digest, why);
    if (err) return code(r, err, "MANIFEST_UNKNOWN");
    err = reply_bytes(r, MHD_HTTP_OK, type, vd_buf_slice(&body), why);
    if (!err) digest_header(r, "Docker-Content-Digest", &digest);
    return err;
}

static vd_err put_manifest(request *r, oci_path *at, vd_why *why)
{
    const vd_oci_manifest manifest = { .repository = at->name,
                                       .reference = at->target,
                                       .content_type = ask_header(r, MHD_HTTP_HEADER_CONTENT_TYPE),
                                       .body = vd_buf_slice(&r->body),
                                       .who = r->who };
    vd_oci_put put;
    vd_err err = vd_oci_manifest_put(registry_of(r), &manifest, &put, why);
    if (err == VD_ABSENT || err == VD_CORRUPT) r->status = MHD_HTTP_BAD_REQUEST;
    if (err)
        return code(r, err,
                    err == VD_ABSENT     ? "MANIFEST_BLOB_UNKNOWN"
                    : err == VD_CONFLICT ? "DENIED"
                    : err == VD_CORRUPT  ? "DIGEST_INVALID"
                                         : "MANIFEST_INVALID");
    err = reply_empty(r, MHD_HTTP_CREATED);
    if (err) return err;
    location(r, "/v2/%s/manifests/sha256:%s", at->name, put.digest.hex);
    digest_header(r, "Docker-Content-Digest", &put.digest);
    if (put.has_subject) digest_header(r, "OCI-Subject", &put.subject);
    return VD_OK;
}

static vd_err delete_manifest(request *r, oci_path *at, vd_why *why)
{
    vd_err err = vd_oci_manifest_delete(registry_of(r), at->name, at->target, why);
    return err ? code(r, err, err == VD_CONFLICT ? "DENIED" : "MANIFEST_UNKNOWN")
               : reply_empty(r, MHD_HTTP_ACCEPTED);
}

/* ---- lists ---- */

static vd_err get_tags(request *r, oci_path *at, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    char more[VD_OCI_TAG_MAX + 1] = "";
    uint64_t limit = LIST_DEFAULT;
    vd_err err = ask_count(r, "n", 1, LIST_MAX, &limit, why);
    if (!err)
        err = code(r,
                   vd_oci_tags_write(registry_of(r), at->name, ask_query(r, "last"),
                                     (unsigned)limit, &w, more, why),
                   "NAME_UNKNOWN");
    if (!err) err = reply_json(r, MHD_HTTP_OK, &w, why);
    if (!err) link_header(r, more, limit);
    return err;
}

static vd_err get_catalog(request *r, oci_path *at, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    char more[VD_OCI_NAME_MAX + 1] = "";
    uint64_t limit = LIST_DEFAULT;
    (void)at;
    vd_err err = ask_count(r, "n", 1, LIST_MAX, &limit, why);
    if (!err)
        err = vd_oci_catalog_write(registry_of(r), ask_query(r, "last"), (unsigned)limit, &w, more,
                                   why);
    if (!err) err = reply_json(r, MHD_HTTP_OK, &w, why);
    if (!err) link_header(r, more, limit);
    return err;
}

static vd_err get_referrers(request *r, oci_path *at, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    const char *type = ask_query(r, "artifactType");
    vd_digest digest;
    vd_err err = target_digest(r, at->target, &digest, why);
    if (!err) err = vd_oci_referrers_write(registry_of(r), at->name, &digest, type, &w, why);
    if (err || vd_json_w_end(&w)) return err ? err : VD_FULL;
    err = reply_bytes(r, MHD_HTTP_OK, VD_ARTIFACT_INDEX_TYPE, vd_buf_slice(&text), why);
    if (!err && type) reply_header(r, "OCI-Filters-Applied", "artifactType");
    return err;
}

static vd_err ping(request *r, oci_path *at, vd_why *why)
{
    (void)at;
    return reply_bytes(r, MHD_HTTP_OK, "application/json", VD_STR("{}"), why);
}

/* ---- routing ---- */

typedef vd_err (*oci_handler)(request *r, oci_path *at, vd_why *why);
static const struct {
    const char *method;
    oci_kind kind;
    oci_handler handle;
} table[] = {
    { "GET", PING, ping },
    { "GET", CATALOG, get_catalog },
    { "GET", BLOB, read_blob },
    { "DELETE", BLOB, delete_blob },
    { "POST", UPLOADS, post_upload },
    { "GET", UPLOAD, get_upload },
    { "PATCH", UPLOAD, patch_upload },
    { "PUT", UPLOAD, put_upload },
    { "DELETE", UPLOAD, delete_upload },
    { "GET", MANIFEST, get_manifest },
    { "PUT", MANIFEST, put_manifest },
    { "DELETE", MANIFEST, delete_manifest },
    { "GET", TAGS, get_tags },
    { "GET", REFERRERS, get_referrers },
};

static vd_err handle(request *r, vd_why *why)
{
    oci_path at;
    const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
    if (!path_read(r->path, &at)) return vd_fail(why, VD_ABSENT, "there is no such thing");
    vd_err err = VD_INVALID;
    for (size_t n = 0; n < VD_COUNT_OF(table); n++) {
        if (table[n].kind != at.kind || strcmp(table[n].method, method) != 0) continue;
        err = table[n].handle(r, &at, why);
        if (!err) reply_header(r, "Docker-Distribution-Api-Version", "registry/2.0");
        return err;
    }
    r->status = MHD_HTTP_METHOD_NOT_ALLOWED;
    return vd_fail(why, VD_INVALID, "this does not take %.10s", r->method);
}

static const route pulls = { "GET", "/v2", PULLER, 0, handle, false };
static const route pushes = { "PUT", "/v2", OPERATOR, VD_LIMIT_MODEL_BYTES, handle, true };
static const route manifests = {
    "PUT", "/v2", OPERATOR, VD_ARTIFACT_MANIFEST_BYTES, handle, false
};

const route *registry_route(const request *r)
{
    if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0) return &pulls;
    return strstr(r->path, "/manifests/") ? &manifests : &pushes;
}
