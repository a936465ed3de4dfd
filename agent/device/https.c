/* https.c - requests to the hub with a device token, over one kept-alive connection per thread. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_priv.h"
#include "vd/clock.h"

#define CONNECT_S      10L
#define SILENT_S       30L
#define RENEW_BEFORE_S 300

struct https {
    vd_device *d;
    CURL *curl;
    char token[TOKEN_ROOM];
    int64_t token_until_us; /* monotonic */
    char said[CURL_ERROR_SIZE];
};

https *https_new(vd_device *d)
{
    https *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->d = d;
    h->curl = curl_easy_init();
    return h->curl ? h : https_free(h);
}

https *https_free(https *h)
{
    if (!h) return NULL;
    if (h->curl) curl_easy_cleanup(h->curl);
    free(h);
    return NULL;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    https_answer *answer = arg;
    size_t room = sizeof answer->body - 1 - answer->body_len;
    size_t take = size * count < room ? size * count : room;

    memcpy(answer->body + answer->body_len, data, take);
    answer->body_len += take;
    answer->body[answer->body_len] = '\0';
    return size * count;
}

static vd_slice trimmed(vd_slice text)
{
    while (text.len && strchr(" \t", text.data[0])) text = vd_slice_from(text, 1);
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1])) text.len--;
    return text;
}

static bool name_is(vd_slice name, const char *want)
{
    return name.len == strlen(want) && strncasecmp((const char *)name.data, want, name.len) == 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    https_answer *answer = arg;
    vd_slice value, name = vd_slice_cut(vd_slice_of(data, size * count), ':', &value);
    uint64_t number;

    value = trimmed(value);
    if (name_is(name, "Upload-Offset") && vd_slice_u64(value, INT64_MAX, &number))
        answer->offset = (int64_t)number;
    if (name_is(name, "Upload-Complete")) answer->complete = vd_slice_eq(value, VD_STR("?1"));
    if (name_is(name, "Retry-After") && vd_slice_u64(value, 86400, &number))
        answer->retry_s = (int64_t)number;
    return size * count;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t e)
{
    (void)a, (void)b, (void)c, (void)e;
    return device_stopping(arg);
}

static vd_err refresh_token(https *h, vd_why *why)
{
    int64_t now_us = vd_clock_mono_us();
    unsigned life_s = h->d->token_life_s + RENEW_BEFORE_S;

    if (now_us < h->token_until_us) return VD_OK;
    vd_err err = identity_token(&h->d->id, life_s, h->token, why);
    if (!err) h->token_until_us = now_us + (int64_t)h->d->token_life_s * 1000000;
    return err;
}

static struct curl_slist *header_list(https *h, const char *const *headers)
{
    char line[TOKEN_ROOM + 24];
    struct curl_slist *list = NULL;

    snprintf(line, sizeof line, "Authorization: %s", h->token);
    list = curl_slist_append(list, line);
    list = curl_slist_append(list, "Expect:"); /* no round trip before the body */
    for (unsigned i = 0; headers && headers[i]; i++) list = curl_slist_append(list, headers[i]);
    return list;
}

static void set_request(https *h, const char *method, const char *url, vd_slice body)
{
    CURL *c = h->curl;

    curl_easy_reset(c); /* keeps the connection */
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SILENT_S);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->said);
    if (h->d->ca_file) curl_easy_setopt(c, CURLOPT_CAINFO, h->d->ca_file);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h->d);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        return;
    }
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
}

/* An answer on its way: bytes go to `take`, those before `skip` nowhere. */
typedef struct {
    https *h;
    https_take take;
    void *ctx;
    vd_why *why;
    uint64_t skip; /* the answer begins at 0, the caller has these */
    uint64_t offset;
    vd_err err;
    char said[256]; /* the beginning of a refusal */
    size_t said_len;
} stream;

static long status_now(https *h)
{
    long status = 0;
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void keep_words(stream *s, const char *data, size_t len)
{
    size_t room = sizeof s->said - 1 - s->said_len;
    size_t take = len < room ? len : room;
    memcpy(s->said + s->said_len, data, take);
    s->said_len += take;
}

static size_t on_stream(char *data, size_t size, size_t count, void *arg)
{
    stream *s = arg;
    vd_slice bytes = vd_slice_of(data, size * count);
    long status = status_now(s->h);

    if (status != 200 && status != 206) {
        keep_words(s, data, bytes.len);
        return bytes.len;
    }
    if (status == 206) s->skip = 0;
    size_t past = s->skip < bytes.len ? (size_t)s->skip : bytes.len;
    s->skip -= past;
    if (past < bytes.len) s->err = s->take(s->ctx, vd_slice_from(bytes, past), s->why);
    return s->err ? 0 : size * count;
}

static vd_err stream_end(https *h, stream *s, CURLcode code)
{
    long status = status_now(h);

    if (s->err) return s->err;
    if (status == 401) h->token_until_us = 0;
    if (code || status == 429 || status >= 500 || status == 0) {
        vd_fail(s->why, VD_RETRY, "%s port %u gives no whole answer", h->d->id.host,
                h->d->https_port);
        if (code)
            vd_why_detail(s->why, "%s", h->said[0] ? h->said : curl_easy_strerror(code));
        else
            vd_why_detail(s->why, "status %ld: %s", status, s->said);
        return VD_RETRY;
    }
    if (status == 200 || status == 206) return VD_OK;
    vd_err err = status == 404                    ? VD_ABSENT
                 : status == 401 || status == 403 ? VD_DENIED
                                                  : VD_INVALID;
    vd_fail(s->why, err, "the hub answers %ld", status);
    vd_why_detail(s->why, "%s", s->said);
    return err;
}

vd_err https_fetch(https *h, const char *path, const char *accept, uint64_t offset, https_take take,
                   void *ctx, vd_why *why)
{
    char url[HOST_ROOM + 512], range[48], wanted[160];
    const char *headers[] = { wanted, NULL };
    stream s = { .h = h, .take = take, .ctx = ctx, .why = why, .skip = offset };

    vd_err err = refresh_token(h, why);
    if (err) return err;
    snprintf(url, sizeof url, "https://%s:%u%s", h->d->id.host, h->d->https_port, path);
    snprintf(wanted, sizeof wanted, "Accept: %s", accept);
    snprintf(range, sizeof range, "%llu-", (unsigned long long)offset);
    h->said[0] = '\0';
    set_request(h, "GET", url, VD_SLICE_NONE);
    curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
    if (offset) curl_easy_setopt(h->curl, CURLOPT_RANGE, range);
    curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_stream);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &s);
    curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, NULL);
    struct curl_slist *list = header_list(h, headers);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
    CURLcode code = curl_easy_perform(h->curl);
    err = stream_end(h, &s, code);
    curl_slist_free_all(list);
    return err;
}

void https_call(https *h, const char *method, const char *path, const char *const *headers,
                vd_slice body, https_answer *ret_answer, vd_why *why)
{
    char url[HOST_ROOM + 256];

    memset(ret_answer, 0, sizeof *ret_answer);
    ret_answer->offset = -1;
    if (refresh_token(h, why)) return;
    snprintf(url, sizeof url, "https://%s:%u%s", h->d->id.host, h->d->https_port, path);
    h->said[0] = '\0';
    set_request(h, method, url, body);
    curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, ret_answer);
    curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, ret_answer);
    struct curl_slist *list = header_list(h, headers);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
    CURLcode code = curl_easy_perform(h->curl);
    if (!code) curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
    curl_slist_free_all(list);
    if (ret_answer->status == 401) h->token_until_us = 0; /* a stepped clock: sign anew */
    if (!code) return;
    vd_fail(why, VD_RETRY, "%s port %u gives no answer", h->d->id.host, h->d->https_port);
    vd_why_detail(why, "%s", h->said[0] ? h->said : curl_easy_strerror(code));
}
