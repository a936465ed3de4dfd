#include "scorer_priv.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/secret.h"

#define JPEG_BYTES  (16u << 20)
#define PAUSE_MS    1000
#define TYPE_ROOM   64
#define HEADER_ROOM 1100

struct remote {
    char *url;
    const char **classes;
    unsigned class_count;
    int width_px, height_px, quality;
    int64_t timeout_ms;
    CURL *curl;
    struct curl_slist *headers;
    vd_buf jpeg, answer;
    bool cut_short; /* the answer is over the limit */
    char type[TYPE_ROOM];
    uint64_t retry_after_s;
    int64_t not_before_us; /* monotonic */
    int64_t pause_ms;      /* after the next failure */
    vd_why last;
};

/* ---- made and freed ---- */

static bool add_header(remote *s, const char *line)
{
    struct curl_slist *longer = curl_slist_append(s->headers, line);

    if (longer) s->headers = longer;
    return longer != NULL;
}

static bool make_headers(remote *s, const char *token)
{
    char line[HEADER_ROOM];
    bool good = add_header(s, "Content-Type: image/jpeg") &&
                add_header(s, "Accept: application/json") && add_header(s, "Expect:");

    if (!good || !token || !token[0]) return good;
    (void)snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    good = add_header(s, line);
    vd_wipe(line, sizeof line);
    return good;
}

static bool copy_classes(remote *s, const vd_scorer_config *config)
{
    s->classes = calloc(config->class_count, sizeof *s->classes);
    for (unsigned i = 0; s->classes && i < config->class_count; i++) {
        s->classes[i] = strdup(config->classes[i]);
        if (!s->classes[i]) return false;
        s->class_count++;
    }
    return s->classes != NULL;
}

vd_err remote_new(const vd_scorer_config *config, remote **ret_scorer, vd_why *why)
{
    remote *s = calloc(1, sizeof *s);
    if (!s) return vd_fail(why, VD_FULL, "no memory for a scorer");

    s->width_px = config->width_px;
    s->height_px = config->height_px;
    s->quality = config->quality;
    s->timeout_ms = config->timeout_ms;
    s->pause_ms = PAUSE_MS;
    s->jpeg = VD_BUF(JPEG_BYTES);
    s->answer = VD_BUF(SCORER_ANSWER_BYTES);
    s->url = strdup(config->url);
    s->curl = curl_easy_init();
    if (s->url && s->curl && copy_classes(s, config) && make_headers(s, config->token)) {
        *ret_scorer = s;
        return VD_OK;
    }
    remote_free(s);
    return vd_fail(why, VD_FULL, "no memory for a scorer");
}

remote *remote_free(remote *s)
{
    if (!s) return NULL;
    for (struct curl_slist *h = s->headers; h; h = h->next) vd_wipe(h->data, strlen(h->data));
    curl_slist_free_all(s->headers);
    if (s->curl) curl_easy_cleanup(s->curl);
    for (unsigned i = 0; i < s->class_count; i++) free((char *)s->classes[i]);
    free(s->classes);
    vd_buf_done(&s->jpeg);
    vd_buf_done(&s->answer);
    free(s->url);
    free(s);
    return NULL;
}

/* ---- one request ---- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    remote *s = arg;

    if (vd_buf_add(&s->answer, vd_slice_of(data, size * count))) return size * count;
    s->cut_short = true;
    return 0;
}

static vd_slice trimmed(vd_slice text)
{
    while (text.len && strchr(" \t", text.data[0])) text = vd_slice_from(text, 1);
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1])) text.len--;
    return text;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    remote *s = arg;
    vd_slice value, name = vd_slice_cut(vd_slice_of(data, size * count), ':', &value);
    uint64_t seconds;

    if (name.len == 11 && strncasecmp((const char *)name.data, "Retry-After", 11) == 0 &&
        vd_slice_u64(trimmed(value), 86400, &seconds))
        s->retry_after_s = seconds;
    if (name.len == 12 && strncasecmp((const char *)name.data, "Content-Type", 12) == 0)
        (void)vd_slice_to_chars(trimmed(value), s->type, sizeof s->type);
    return size * count;
}

static vd_err post(remote *s, long *ret_status, vd_why *why)
{
    CURL *c = s->curl;
    char said[CURL_ERROR_SIZE] = "";

    vd_buf_clear(&s->answer);
    s->cut_short = false;
    s->type[0] = '\0';
    s->retry_after_s = 0;
    curl_easy_reset(c); /* keeps the connection */
    curl_easy_setopt(c, CURLOPT_URL, s->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, said);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)s->jpeg.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, s->jpeg.data);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, s);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
    if (s->cut_short)
        return vd_fail(why, VD_INVALID, "the scorer answers with more than %u bytes",
                       SCORER_ANSWER_BYTES);
    if (!rc) return VD_OK;
    (void)vd_fail(why, VD_RETRY,
                  rc == CURLE_OPERATION_TIMEDOUT ? "the scorer does not answer in time"
                                                 : "the scorer cannot be reached");
    vd_why_detail(why, "%.200s: %.100s", s->url, said[0] ? said : curl_easy_strerror(rc));
    vd_why_hint(why, "is it running, and is the address right?");
    return VD_RETRY;
}

/* ---- the picture that is sent ---- */

/* The size of the picture inside of what is sent, letterboxed when a height is given. */
static vd_err prepare(remote *s, const vd_frame *frame, remote_terms *terms, vd_why *why)
{
    vd_frame *fitted = NULL;
    vd_tensor_map map;

    vd_buf_clear(&s->jpeg);
    *terms = (remote_terms){ s->classes, s->class_count, 0, 0, 1, 1 };
    if (!s->height_px) return vd_frame_jpeg(frame, s->width_px, s->quality, &s->jpeg, why);
    vd_err err = vd_frame_letterbox(frame, s->width_px, s->height_px, &fitted, &map, why);
    if (err) return err;
    terms->dx = map.dx_px / (float)s->width_px;
    terms->dy = map.dy_px / (float)s->height_px;
    terms->sx = map.sx * (float)s->width_px;
    terms->sy = map.sy * (float)s->height_px;
    err = vd_frame_jpeg(fitted, 0, s->quality, &s->jpeg, why);
    vd_frame_unref(fitted);
    return err;
}

/* ---- what was answered ---- */

static vd_err busy(const remote *s, vd_why *why)
{
    (void)vd_fail(why, VD_RETRY, "the scorer is busy");
    vd_why_detail(why, "%.200s asks to wait %llu s", s->url,
                  (unsigned long long)(s->retry_after_s ? s->retry_after_s : 1));
    return VD_RETRY;
}

static vd_err understand(remote *s, long status, const remote_terms *terms, vd_detections *found,
                         vd_why *why)
{
    if (status == 204) {
        *found = (vd_detections){ 0 };
        return VD_OK;
    }
    if (status == 503) return busy(s, why);
    if (status != 200) {
        (void)vd_fail(why, VD_INVALID, "the scorer answers with status %ld", status);
        vd_why_detail(why, "%.200s", s->url);
        vd_why_hint(why, "it should be 200 with inferences, 204 for none, 503 when busy");
        return VD_INVALID;
    }
    if (s->type[0] && !strstr(s->type, "json")) {
        (void)vd_fail(why, VD_INVALID, "the scorer answers with %.60s instead of JSON", s->type);
        vd_why_detail(why, "%.200s", s->url);
        vd_why_hint(why, "is this the address of a scorer, or of a web page?");
        return VD_INVALID;
    }
    return remote_read(vd_buf_slice(&s->answer), terms, found, why);
}

static void leave_alone(remote *s, long status, const vd_why *why)
{
    int64_t wait_ms = s->pause_ms;

    if (status == 503)
        wait_ms = s->retry_after_s ? (int64_t)s->retry_after_s * 1000 : PAUSE_MS;
    else
        s->pause_ms = s->pause_ms * 2 < SCORER_PAUSE_MAX_MS ? s->pause_ms * 2 : SCORER_PAUSE_MAX_MS;
    if (wait_ms > SCORER_PAUSE_MAX_MS) wait_ms = SCORER_PAUSE_MAX_MS;
    s->not_before_us = vd_clock_mono_us() + wait_ms * 1000;
    s->last = *why;
}

vd_err remote_run(remote *s, const vd_frame *frame, vd_detections *ret_found, vd_why *why)
{
    vd_why own = { 0 };
    remote_terms terms;
    long status = 0;
    int64_t begin_us = vd_clock_mono_us();

    if (begin_us < s->not_before_us) {
        if (why) *why = s->last;
        return VD_RETRY;
    }
    vd_err err = prepare(s, frame, &terms, &own);
    int64_t middle_us = vd_clock_mono_us();
    if (!err) err = post(s, &status, &own);
    if (!err) err = understand(s, status, &terms, ret_found, &own);
    if (err) {
        leave_alone(s, status, &own);
        if (why) *why = own;
        return err;
    }
    s->pause_ms = PAUSE_MS;
    ret_found->preprocess_us = middle_us - begin_us;
    ret_found->run_us = vd_clock_mono_us() - middle_us;
    return VD_OK;
}
