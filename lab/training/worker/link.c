#include "link_priv.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "limits.h"
#include "vd/file.h"
#include "vd/secret.h"

#define CONNECT_S    10L
#define SILENT_S     60L
#define ANSWER_BYTES (16u << 20)
#define FILE_BYTES   (1024ull << 20)
#define TOKEN_ROOM   4096

struct hub_link {
    CURL *curl;
    const trainer_worker *worker;
    char said[CURL_ERROR_SIZE];
};

vd_err link_open(const trainer_worker *worker, hub_link **ret_link, vd_why *why)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    hub_link *l = calloc(1, sizeof(*l));
    if (l) l->curl = curl_easy_init();
    if (!l || !l->curl) {
        (void)link_close(l);
        return vd_fail(why, VD_FULL, "there is no memory for a connection");
    }
    l->worker = worker;
    *ret_link = l;
    return VD_OK;
}

hub_link *link_close(hub_link *l)
{
    if (l && l->curl) curl_easy_cleanup(l->curl);
    free(l);
    return NULL;
}

/* "Authorization: Bearer ..." from the token file. */
static vd_err bearer(const hub_link *l, char line[TOKEN_ROOM], vd_why *why)
{
    VD_AUTO(vd_buf) token = VD_BUF(TOKEN_ROOM - 64);
    if (!l->worker->token_file) return vd_fail(why, VD_INVALID, "a token file is needed");
    vd_err err = vd_file_load(l->worker->token_file, &token, why);
    if (err) return err;
    size_t len = strcspn(token.data ? token.data : "", "\r\n \t");
    (void)snprintf(line, TOKEN_ROOM, "Authorization: Bearer %.*s", (int)len,
                   token.data ? token.data : "");
    if (token.data) vd_wipe(token.data, token.len);
    return VD_OK;
}

static vd_err prepare(hub_link *l, const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(8192);
    size_t end = strlen(l->worker->url);
    while (end && l->worker->url[end - 1] == '/') end--;
    if (!vd_buf_add(&url, vd_slice_of(l->worker->url, end)) || !vd_buf_add_str(&url, path))
        return vd_fail(why, VD_INVALID, "the hub's address is too long");
    l->said[0] = 0;
    curl_easy_reset(l->curl);
    curl_easy_setopt(l->curl, CURLOPT_URL, url.data);
    curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(l->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(l->curl, CURLOPT_LOW_SPEED_TIME, SILENT_S);
    curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->said);
    curl_easy_setopt(l->curl, CURLOPT_USERAGENT, "vedette-trainer");
    if (l->worker->ca_file) curl_easy_setopt(l->curl, CURLOPT_CAINFO, l->worker->ca_file);
    return VD_OK;
}

static vd_err perform(hub_link *l, struct curl_slist *headers, long *ret_status, vd_why *why)
{
    char line[TOKEN_ROOM];
    vd_err err = bearer(l, line, why);
    if (!err) headers = curl_slist_append(headers, line);
    vd_wipe(line, sizeof(line));
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = err ? CURLE_OK : curl_easy_perform(l->curl);
    curl_slist_free_all(headers);
    if (err) return err;
    if (code == CURLE_WRITE_ERROR && why && why->fact[0]) return VD_IO;
    if (code) {
        vd_fail(why, VD_RETRY, "the hub at %.100s gives no answer", l->worker->url);
        vd_why_detail(why, "%s", l->said[0] ? l->said : curl_easy_strerror(code));
        if (code == CURLE_PEER_FAILED_VERIFICATION)
            vd_why_hint(why, "give the authority of its certificate with --ca-file");
        return VD_RETRY;
    }
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, ret_status);
    return VD_OK;
}

static size_t to_buf(char *data, size_t size, size_t count, void *arg)
{
    return vd_buf_add(arg, vd_slice_of(data, size * count)) ? size * count : 0;
}

static vd_err class_of(const char *name, long status)
{
    for (int err = VD_RETRY; err <= VD_GONE; err++)
        if (strcmp(vd_err_name((vd_err)err), name) == 0) return (vd_err)err;
    if (status == 401 || status == 403) return VD_DENIED;
    if (status == 404) return VD_ABSENT;
    if (status == 409) return VD_CONFLICT;
    return status >= 500 || status == 429 ? VD_RETRY : VD_INVALID;
}

static vd_err explained(vd_slice body, long status, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    if (vd_json_parse(body, ANSWER_BYTES, VD_LIMIT_JSON_DEPTH, &root, NULL)) root = NULL;
    const vd_json *error = vd_json_get(root, "error");
    vd_err err = class_of(vd_json_text(vd_json_get(error, "class"), ""), status);
    const char *fact = vd_json_text(vd_json_get(error, "fact"), NULL);
    if (fact)
        vd_fail(why, err, "%s", fact);
    else
        vd_fail(why, err, "the hub answers %ld", status);
    vd_why_detail(why, "%s", vd_json_text(vd_json_get(error, "detail"), ""));
    vd_why_hint(why, "%s", vd_json_text(vd_json_get(error, "hint"), ""));
    return err;
}

vd_err link_call(hub_link *l, const char *method, const char *path, vd_slice body,
                 vd_json **ret_root, vd_why *why)
{
    VD_AUTO(vd_buf) answer = VD_BUF(ANSWER_BYTES);
    long status = 0;
    struct curl_slist *headers = NULL;
    vd_err err = prepare(l, path, why);
    if (err) return err;
    if (strcmp(method, "GET") != 0) {
        headers = curl_slist_append(NULL, "Content-Type: application/json");
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(l->curl, CURLOPT_POSTFIELDS, body.len ? (const char *)body.data : "");
        curl_easy_setopt(l->curl, CURLOPT_CUSTOMREQUEST, method);
    }
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, &answer);
    err = perform(l, headers, &status, why);
    if (err) return err;
    if (status < 200 || status > 299) return explained(vd_buf_slice(&answer), status, why);
    if (ret_root) *ret_root = NULL;
    if (!ret_root || !answer.len) return VD_OK;
    return vd_json_parse(vd_buf_slice(&answer), ANSWER_BYTES, VD_LIMIT_JSON_DEPTH, ret_root, why);
}

typedef struct {
    hub_link *l;
    vd_file *file;
    vd_buf error; /* the body of an answer that is no file */
    uint64_t bytes;
    vd_why *why;
} download;

static size_t to_file(char *data, size_t size, size_t count, void *arg)
{
    download *d = arg;
    long status = 0;
    curl_easy_getinfo(d->l->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return to_buf(data, size, count, &d->error);
    d->bytes += size * count;
    if (d->bytes > FILE_BYTES) {
        vd_fail(d->why, VD_FULL, "a file of the hub is larger than 1 GiB");
        return 0;
    }
    return vd_file_write(d->file, vd_slice_of(data, size * count), d->why) ? 0 : size * count;
}

vd_err link_fetch(hub_link *l, const char *path, const char *file, const vd_digest *digest,
                  vd_why *why)
{
    VD_AUTO(vd_file) target = VD_FILE_NONE;
    VD_AUTO(vd_buf) error = VD_BUF(65536);
    long status = 0;
    vd_digest have;
    vd_err err = vd_file_create(file, 0640, &target, why);
    if (!err) err = prepare(l, path, why);
    if (err) return err;
    download d = { .l = l, .file = &target, .error = error, .why = why };
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, to_file);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, &d);
    err = perform(l, NULL, &status, why);
    error = d.error;
    if (!err && status != 200) err = explained(vd_buf_slice(&error), status, why);
    if (!err && digest) err = vd_sha256_file(target.temp_path, &have, why);
    if (!err && digest && strcmp(have.hex, digest->hex) != 0)
        err = vd_fail(why, VD_CORRUPT, "%.100s is not what its name says", path);
    return err ? err : vd_file_publish(&target, why);
}

vd_err link_send(hub_link *l, const char *path, const char *lease, const char *file, vd_why *why)
{
    VD_AUTO(vd_buf) answer = VD_BUF(ANSWER_BYTES);
    char line[128];
    vd_digest digest;
    long status = 0;
    struct stat info;
    vd_err err = vd_sha256_file(file, &digest, why);
    if (!err) err = prepare(l, path, why);
    FILE *from = err ? NULL : fopen(file, "rb");
    if (!err && (!from || fstat(fileno(from), &info) != 0))
        err = vd_fail_errno(why, "'%.200s' cannot be read", file);
    if (!err) {
        struct curl_slist *headers =
            curl_slist_append(NULL, "Content-Type: application/octet-stream");
        (void)snprintf(line, sizeof(line), "X-Vedette-Lease: %s", lease);
        headers = curl_slist_append(headers, line);
        (void)snprintf(line, sizeof(line), "X-Vedette-Digest: %s", digest.hex);
        headers = curl_slist_append(headers, line);
        curl_easy_setopt(l->curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(l->curl, CURLOPT_READDATA, from);
        curl_easy_setopt(l->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)info.st_size);
        curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, to_buf);
        curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, &answer);
        err = perform(l, headers, &status, why);
    }
    if (from) (void)fclose(from);
    if (err) return err;
    return status == 200 ? VD_OK : explained(vd_buf_slice(&answer), status, why);
}
