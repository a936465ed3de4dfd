/* api.c - requests to the hub, and its errors as ours. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli_priv.h"
#include "limits.h"

#define CONNECT_S 10L
#define SILENT_S  60L

struct api {
    CURL *curl;
    settings s;
    char said[CURL_ERROR_SIZE];
};

vd_err api_open_with(const settings *s, api **ret_api, vd_why *why)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    api *a = calloc(1, sizeof *a);
    if (!a) return vd_fail(why, VD_FULL, "memory ends");
    a->s = *s;
    a->curl = curl_easy_init();
    if (!a->curl) return (void)api_free(a), vd_fail(why, VD_FULL, "memory ends");
    *ret_api = a;
    return VD_OK;
}

vd_err api_open(api **ret_api, vd_why *why)
{
    settings s;
    vd_err err = settings_load(&s, why);
    return err ? err : api_open_with(&s, ret_api, why);
}

api *api_free(api *a)
{
    if (!a) return NULL;
    if (a->curl) curl_easy_cleanup(a->curl);
    free(a);
    return NULL;
}

static size_t to_buf(char *data, size_t size, size_t count, void *arg)
{
    return vd_buf_add(arg, vd_slice_of(data, size * count)) ? size * count : 0;
}

typedef struct {
    api *a;
    vd_file *file;
    vd_buf error; /* the body of an answer that is no file */
    vd_why *why;
} download;

static size_t to_file(char *data, size_t size, size_t count, void *arg)
{
    download *d = arg;
    long status = 0;

    curl_easy_getinfo(d->a->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return to_buf(data, size, count, &d->error);
    if (vd_file_write(d->file, vd_slice_of(data, size * count), d->why)) return 0;
    return size * count;
}

static void prepare(api *a, const char *method, const char *path, vd_slice body, vd_buf *url)
{
    CURL *c = a->curl;
    size_t end = strlen(a->s.hub);

    while (end && a->s.hub[end - 1] == '/') end--;
    vd_buf_add(url, vd_slice_of(a->s.hub, end));
    vd_buf_add_str(url, path);
    a->said[0] = '\0';
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url->data);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SILENT_S);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, a->said);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "vedette-cli");
    if (a->s.ca[0]) curl_easy_setopt(c, CURLOPT_CAINFO, a->s.ca);
    if (strcmp(method, "GET") == 0) return;
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.len ? (const char *)body.data : "");
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
}

typedef enum { SENDS_NOTHING, SENDS_JSON, SENDS_BYTES } sends;

static struct curl_slist *headers_of(api *a, sends what)
{
    struct curl_slist *list = NULL;
    char line[SETTING_ROOM + 32];

    if (what == SENDS_JSON) list = curl_slist_append(list, "Content-Type: application/json");
    if (what == SENDS_BYTES)
        list = curl_slist_append(list, "Content-Type: application/octet-stream");
    list = curl_slist_append(list, "Expect:");
    if (!a->s.token[0]) return list;
    snprintf(line, sizeof line, "Authorization: Bearer %s", a->s.token);
    return curl_slist_append(list, line);
}

static vd_err unreachable(api *a, CURLcode code, vd_why *why)
{
    vd_fail(why, VD_RETRY, "the hub at %s gives no answer", a->s.hub);
    vd_why_detail(why, "%s", a->said[0] ? a->said : curl_easy_strerror(code));
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        vd_why_hint(why, "give the authority of its certificate: vedette login --ca ca.pem");
    else
        vd_why_hint(why, "does it run, and is the address right? vedette login --hub URL changes "
                         "it");
    return VD_RETRY;
}

/* Runs what prepare() set up; *ret_status is the HTTP status. */
static vd_err perform(api *a, sends what, long *ret_status, vd_why *why)
{
    struct curl_slist *headers = headers_of(a, what);

    curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(a->curl);
    curl_slist_free_all(headers);
    if (code == CURLE_WRITE_ERROR && why && why->fact[0]) return VD_IO;
    if (code) return unreachable(a, code, why);
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, ret_status);
    return VD_OK;
}

static vd_err class_of(const char *name, long status)
{
    for (int err = VD_RETRY; err <= VD_GONE; err++)
        if (strcmp(vd_err_name((vd_err)err), name) == 0) return (vd_err)err;
    if (status == 401 || status == 403) return VD_DENIED;
    if (status == 404) return VD_ABSENT;
    if (status == 409 || status == 412) return VD_CONFLICT;
    return status >= 500 || status == 429 ? VD_RETRY : VD_INVALID;
}

static vd_err explained(const vd_json *root, long status, vd_why *why)
{
    const vd_json *error = vd_json_get(root, "error");
    const char *fact = vd_json_text(vd_json_get(error, "fact"), NULL);
    const char *detail = vd_json_text(vd_json_get(error, "detail"), "");
    const char *hint = vd_json_text(vd_json_get(error, "hint"), "");
    vd_err err = class_of(vd_json_text(vd_json_get(error, "class"), ""), status);

    if (!fact) /* the registry's errors have another shape */
        fact =
            vd_json_text(vd_json_get(vd_json_at(vd_json_get(root, "errors"), 0), "message"), NULL);
    if (fact)
        vd_fail(why, err, "%s", fact);
    else
        vd_fail(why, err, "the hub answers %ld", status);
    if (detail[0]) vd_why_detail(why, "%s", detail);
    if (hint[0]) vd_why_hint(why, "%s", hint);
    if (status == 401 && !hint[0]) vd_why_hint(why, "sign in again: vedette login");
    return err;
}

vd_err api_call(api *a, const char *method, const char *path, vd_slice body, vd_json **ret_root,
                vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(8192);
    VD_AUTO(vd_buf) answer = VD_BUF(API_BYTES);
    VD_AUTO(vd_json_ptr) root = NULL;
    long status = 0;

    prepare(a, method, path, body, &url);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &answer);
    vd_err err = perform(a, body.len > 0 ? SENDS_JSON : SENDS_NOTHING, &status, why);
    if (err) return err;
    if (answer.len)
        err = vd_json_parse(vd_buf_slice(&answer), API_BYTES, VD_LIMIT_JSON_DEPTH, &root, why);
    bool good = status >= 200 && status < 300;
    if (!good) err = explained(root, status, why);
    if (good && err) vd_why_hint(why, "is %s a Vedette hub?", a->s.hub);
    if ((!err || status == 409) && ret_root) {
        *ret_root = root;
        root = NULL;
    }
    return err;
}

static vd_err explained_text(vd_slice text, long status, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    if (vd_json_parse(text, API_BYTES, VD_LIMIT_JSON_DEPTH, &root, NULL)) root = NULL;
    return explained(root, status, why);
}

vd_err api_fetch(api *a, const char *path, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(8192);
    long status = 0;

    prepare(a, "GET", path, VD_SLICE_NONE, &url);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, into);
    vd_err err = perform(a, SENDS_NOTHING, &status, why);
    return err || status == 200 ? err : explained_text(vd_buf_slice(into), status, why);
}

vd_err api_send_file(api *a, const char *path, const char *file, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(8192);
    struct stat at;
    long status = 0;

    FILE *from = fopen(file, "rb");
    if (!from || fstat(fileno(from), &at) != 0 || !S_ISREG(at.st_mode)) {
        vd_err err = vd_fail_errno(why, "'%s' cannot be read", file);
        if (from) fclose(from);
        return err;
    }
    prepare(a, "GET", path, VD_SLICE_NONE, &url);
    curl_easy_setopt(a->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)at.st_size);
    curl_easy_setopt(a->curl, CURLOPT_READFUNCTION, fread);
    curl_easy_setopt(a->curl, CURLOPT_READDATA, from);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, into);
    vd_err err = perform(a, SENDS_BYTES, &status, why);
    fclose(from);
    if (err || (status >= 200 && status < 300)) return err;
    return explained_text(vd_buf_slice(into), status, why);
}

vd_err api_download(api *a, const char *path, vd_file *into, vd_why *why)
{
    VD_AUTO(vd_buf) url = VD_BUF(8192);
    VD_AUTO(vd_json_ptr) root = NULL;
    download d = { .a = a, .file = into, .error = VD_BUF(65536), .why = why };
    long status = 0;

    prepare(a, "GET", path, VD_SLICE_NONE, &url);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_file);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &d);
    vd_err err = perform(a, SENDS_NOTHING, &status, why);
    if (!err && status != 200) {
        if (vd_json_parse(vd_buf_slice(&d.error), 65536, VD_LIMIT_JSON_DEPTH, &root, NULL))
            root = NULL;
        err = explained(root, status, why);
    }
    vd_buf_done(&d.error);
    return err;
}

void path_add(vd_buf *path, const char *text)
{
    vd_buf_add_str(path, "/");
    vd_url_encode(vd_slice_str(text), path);
}

void query_add(vd_buf *path, const char *name, const char *text)
{
    if (!text) return;
    vd_buf_addf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', name);
    vd_url_encode(vd_slice_str(text), path);
}
