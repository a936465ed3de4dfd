/* send.c - e-mail by SMTP and signed webhooks, both through libcurl. */
#include "notify_priv.h"

#include <curl/curl.h>
#include <stdio.h>
#include <time.h>

#include "vd/clock.h"
#include "vd/secret.h"

#define SEND_TIMEOUT_S    30l
#define CONNECT_TIMEOUT_S 10l

typedef struct {
    CURL *curl;
    curl_mime *mime;
    struct curl_slist *recipients, *headers;
    char line[256]; /* the other side's last line */
    char trouble[CURL_ERROR_SIZE];
} sending;

static void sending_done(sending *s)
{
    curl_mime_free(s->mime);
    curl_slist_free_all(s->recipients);
    curl_slist_free_all(s->headers);
    if (s->curl) curl_easy_cleanup(s->curl);
}
VD_AUTO_DEFINE(sending, sending_done)

static size_t keep_line(char *data, size_t size, size_t count, void *arg)
{
    sending *s = arg;
    size_t len = size * count;
    while (len && (data[len - 1] == '\r' || data[len - 1] == '\n')) len--;
    bool goodbye = len >= 4 && memcmp(data, "221 ", 4) == 0; /* says nothing of the mail */
    if (len && !goodbye) vd_slice_to_chars(vd_slice_of(data, len), s->line, sizeof s->line);
    return size * count;
}

static size_t ignore_body(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static int watch_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return *(const atomic_bool *)arg;
}

static bool sending_init(sending *s, const atomic_bool *stopping)
{
    s->curl = curl_easy_init();
    if (!s->curl) return false;
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1l);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT, SEND_TIMEOUT_S);
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->trouble);
    curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, keep_line);
    curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(s->curl, CURLOPT_NOPROGRESS, 0l);
    curl_easy_setopt(s->curl, CURLOPT_XFERINFOFUNCTION, watch_stop);
    curl_easy_setopt(s->curl, CURLOPT_XFERINFODATA, (void *)stopping);
    return true;
}

/* What people read of an attempt: the error, and the last line of the other side if there was one.
 */
static bool answer_of(const sending *s, CURLcode code, char *answer, size_t room)
{
    const char *said = s->line[0] ? s->line : "no answer";
    if (code == CURLE_OK) {
        (void)snprintf(answer, room, "%s", said);
        return true;
    }
    const char *trouble = s->trouble[0] ? s->trouble : curl_easy_strerror(code);
    (void)snprintf(answer, room, s->line[0] ? "%s (last line: %s)" : "%s", trouble, said);
    return false;
}

bool mail_header_text(const char *text, vd_buf *into)
{
    bool plain = true;
    VD_AUTO(vd_buf) clean = VD_BUF(2048);
    for (const char *c = text; *c; c++) {
        if ((uint8_t)*c >= 0x7f) plain = false;
        if (!vd_buf_add_byte(&clean, (uint8_t)*c < ' ' ? ' ' : (uint8_t)*c)) return false;
    }
    if (plain) return vd_buf_add(into, vd_buf_slice(&clean));
    /* RFC 2047: words of at most 75 characters; 45 bytes encode to 60, never cutting a character.
     */
    for (size_t at = 0; at < clean.len;) {
        size_t len = clean.len - at < 45 ? clean.len - at : 45;
        while (at + len < clean.len && ((uint8_t)clean.data[at + len] & 0xc0) == 0x80) len--;
        if (len == 0) len = 1;
        if (!vd_buf_add_str(into, at ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?") ||
            !vd_base64_encode(vd_slice_of(clean.data + at, len), into) ||
            !vd_buf_add_str(into, "?="))
            return false;
        at += len;
    }
    return true;
}

bool mail_text(const vd_notify_config *config, const message *m, vd_buf *into)
{
    char when[64];
    struct tm local;
    time_t seconds = (time_t)(m->started_us / 1000000);
    if (!localtime_r(&seconds, &local) ||
        !strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S %Z", &local))
        return false;
    return vd_buf_addf(into,
                       "%s\r\n\r\n"
                       "Site      %s\r\nCamera    %s (device %s)\r\nRule      %s, zone \"%s\"\r\n"
                       "Severity  %s\r\nStarted   %s\r\nScore     %.2f\r\n\r\n"
                       "Look, acknowledge, resolve:\r\n%s/incidents/%s\r\n%s",
                       m->title, config->site, m->camera, m->device, m->rule, m->zone,
                       vd_severity_word(m->severity), when, m->score, config->public_url,
                       m->incident, m->picture[0] ? "" : "\r\nNo picture had arrived in time.\r\n");
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    VD_AUTO(vd_buf) line = VD_BUF(8192);
    if (!vd_buf_addf(&line, "%s: ", name) || !vd_buf_add_str(&line, value)) return false;
    struct curl_slist *longer = curl_slist_append(*list, line.data);
    if (longer) *list = longer;
    return longer != NULL;
}

static bool mail_headers(sending *s, const vd_notify_config *config, const message *m)
{
    char date[64], id[128];
    struct tm utc;
    time_t now = (time_t)(vd_clock_utc_us() / 1000000);
    VD_AUTO(vd_buf) subject = VD_BUF(8192);
    if (!gmtime_r(&now, &utc) || !strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &utc))
        return false;
    (void)snprintf(id, sizeof id, "<%s@vedette>", m->id);
    return mail_header_text(m->subject, &subject) && add_header(&s->headers, "Date", date) &&
           add_header(&s->headers, "From", config->smtp_from) &&
           add_header(&s->headers, "To", m->target) &&
           add_header(&s->headers, "Subject", subject.data) &&
           add_header(&s->headers, "Message-ID", id) &&
           add_header(&s->headers, "Auto-Submitted", "auto-generated") &&
           add_header(&s->headers, "X-Vedette-Incident", m->incident);
}

static bool mail_parts(sending *s, const vd_notify_config *config, vd_blobs *blobs,
                       const message *m)
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    s->mime = curl_mime_init(s->curl);
    if (!s->mime || !mail_text(config, m, &text)) return false;
    curl_mimepart *part = curl_mime_addpart(s->mime);
    if (curl_mime_data(part, text.data, text.len) ||
        curl_mime_type(part, "text/plain; charset=utf-8") || curl_mime_encoder(part, "8bit"))
        return false;

    vd_digest digest;
    char path[4096];
    uint64_t bytes = 0;
    if (!m->picture[0] || !vd_digest_parse(vd_slice_str(m->picture), &digest) ||
        vd_blobs_path(blobs, &digest, path, sizeof path, &bytes))
        return true; /* the picture went meanwhile: the words still count */
    struct curl_slist *inline_header =
        curl_slist_append(NULL, "Content-Disposition: inline; filename=\"incident.jpg\"");
    part = curl_mime_addpart(s->mime);
    if (!inline_header || curl_mime_headers(part, inline_header, 1)) {
        curl_slist_free_all(inline_header);
        return false;
    }
    return !curl_mime_filedata(part, path) && !curl_mime_filename(part, NULL) &&
           !curl_mime_type(part, "image/jpeg") && !curl_mime_encoder(part, "base64");
}

static bool mail_prepare(sending *s, const vd_notify_config *config, vd_blobs *blobs,
                         const message *m)
{
    char url[512], from[300], to[600];
    bool smtps = config->smtp_tls == VD_SMTP_TLS;
    (void)snprintf(url, sizeof url, "%s://%s:%lld", smtps ? "smtps" : "smtp", config->smtp_host,
                   (long long)config->smtp_port);
    (void)snprintf(from, sizeof from, "<%s>", config->smtp_from);
    (void)snprintf(to, sizeof to, "<%s>", m->target);
    s->recipients = curl_slist_append(NULL, to);
    if (!s->recipients || !mail_headers(s, config, m) || !mail_parts(s, config, blobs, m))
        return false;
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(s->curl, CURLOPT_USE_SSL,
                     config->smtp_tls == VD_SMTP_PLAIN ? (long)CURLUSESSL_NONE
                                                       : (long)CURLUSESSL_ALL);
    if (config->smtp_user) {
        curl_easy_setopt(s->curl, CURLOPT_USERNAME, config->smtp_user);
        curl_easy_setopt(s->curl, CURLOPT_PASSWORD, config->smtp_password);
    }
    curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, s->recipients);
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
    curl_easy_setopt(s->curl, CURLOPT_MIMEPOST, s->mime);
    return true;
}

bool mail_send(const vd_notify_config *config, vd_blobs *blobs, const message *m,
               const atomic_bool *stopping, char *answer, size_t room)
{
    VD_AUTO(sending) s = { 0 };
    (void)snprintf(answer, room, "no memory");
    if (!config->smtp_host) {
        (void)snprintf(answer, room, "no mail server is configured (notify.smtp.host)");
        return false;
    }
    if (!sending_init(&s, stopping) || !mail_prepare(&s, config, blobs, m)) return false;
    return answer_of(&s, curl_easy_perform(s.curl), answer, room);
}

bool webhook_body(const vd_notify_config *config, const message *m, vd_buf *into)
{
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "type", "incident.opened");
    vd_json_w_kv_text(&w, "delivery", m->id);
    vd_json_w_kv_text(&w, "site", config->site);
    vd_json_w_key(&w, "incident");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", m->incident);
    vd_json_w_kv_text(&w, "title", m->title);
    vd_json_w_kv_text(&w, "device", m->device);
    vd_json_w_kv_text(&w, "camera", m->camera);
    vd_json_w_kv_text(&w, "rule_id", m->rule);
    vd_json_w_kv_text(&w, "zone", m->zone);
    vd_json_w_kv_text(&w, "severity", vd_severity_word(m->severity));
    vd_json_w_kv_time(&w, "started_at", m->started_us);
    vd_json_w_kv_num(&w, "score", m->score, 6);
    if (m->picture[0]) vd_json_w_kv_text(&w, "snapshot", m->picture);
    vd_json_w_object_end(&w);
    VD_AUTO(vd_buf) url = VD_BUF(2048);
    if (!vd_buf_addf(&url, "%s/incidents/%s", config->public_url, m->incident)) return false;
    vd_json_w_kv_text(&w, "url", url.data);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) == VD_OK;
}

static const vd_webhook *webhook_of(const vd_notify_config *config, const char *name)
{
    for (unsigned n = 0; n < config->webhook_count; n++)
        if (strcmp(config->webhooks[n].name, name) == 0) return &config->webhooks[n];
    return NULL;
}

bool webhook_send(const vd_notify_config *config, const message *m, const atomic_bool *stopping,
                  char *answer, size_t room)
{
    VD_AUTO(sending) s = { 0 };
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    VD_AUTO(vd_buf) signature = VD_BUF(256);
    const vd_webhook *hook = webhook_of(config, m->target);
    (void)snprintf(answer, room, "no memory");
    if (!hook) {
        (void)snprintf(answer, room, "webhook '%s' is not configured any more", m->target);
        return false;
    }
    if (!sending_init(&s, stopping) || !webhook_body(config, m, &body) ||
        vd_webhook_sign(hook->key, vd_clock_utc_us() / 1000000, vd_buf_slice(&body), &signature) ||
        !add_header(&s.headers, "Content-Type", "application/json") ||
        !add_header(&s.headers, "User-Agent", "vedette-hub") ||
        !add_header(&s.headers, "X-Vedette-Signature", signature.data))
        return false;
    curl_easy_setopt(s.curl, CURLOPT_URL, hook->url);
    curl_easy_setopt(s.curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(s.curl, CURLOPT_HTTPHEADER, s.headers);
    curl_easy_setopt(s.curl, CURLOPT_HEADERFUNCTION, NULL);
    curl_easy_setopt(s.curl, CURLOPT_HEADERDATA, NULL);
    curl_easy_setopt(s.curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
    curl_easy_setopt(s.curl, CURLOPT_POSTFIELDS, body.data);
    CURLcode code = curl_easy_perform(s.curl);
    long status = 0;
    curl_easy_getinfo(s.curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) return answer_of(&s, code, answer, room);
    (void)snprintf(answer, room, "HTTP %ld", status);
    return status >= 200 && status < 300;
}
