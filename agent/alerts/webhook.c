/* webhook.c - an HTTP POST, signed like the hub's: X-Vedette-Signature: t=<unix>,v1=<hex of
 * HMAC-SHA256 of "<unix>.<body>">. */
#include <curl/curl.h>
#include <stdio.h>

#include "alerts_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define TIMEOUT_MS 10000L

vd_err webhook_open(alert *a, vd_why *why)
{
    a->carrier = curl_easy_init();
    return a->carrier ? VD_OK : vd_fail(why, VD_FULL, "no memory for a webhook");
}

void webhook_close(alert *a)
{
    if (a->carrier) curl_easy_cleanup(a->carrier);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count; /* what it says is of no interest */
}

static int on_progress(void *arg, curl_off_t b, curl_off_t c, curl_off_t d, curl_off_t e)
{
    const alert *a = arg;

    (void)b, (void)c, (void)d, (void)e;
    return a->alerts->stopping;
}

static bool add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer) *list = longer;
    return longer != NULL;
}

static bool make_headers(const alert *a, const alert_item *item, struct curl_slist **ret_list)
{
    VD_AUTO(vd_buf) line = VD_BUF(256);
    bool good = add(ret_list, "Content-Type: application/json") &&
                add(ret_list, "User-Agent: vedette-agent") && add(ret_list, "Expect:");

    if (!good || !a->secret[0]) return good;
    return vd_buf_add_str(&line, "X-Vedette-Signature: ") &&
           !vd_webhook_sign(a->secret, vd_clock_utc_us() / 1000000, vd_buf_slice(&item->body),
                            &line) &&
           add(ret_list, line.data);
}

/* Others will not change their mind: the address or the secret is wrong. */
static bool worth_trying(long status)
{
    return status >= 500 || status == 408 || status == 425 || status == 429;
}

static vd_err answered(const alert *a, CURLcode rc, long status, const char *said, vd_why *why)
{
    if (a->alerts->stopping && rc) return VD_GONE;
    if (rc) {
        (void)vd_fail(why, VD_RETRY, "the webhook cannot be reached");
        vd_why_detail(why, "%s", said[0] ? said : curl_easy_strerror(rc));
        return VD_RETRY;
    }
    if (status >= 200 && status < 300) return VD_OK;
    vd_err err = worth_trying(status) ? VD_RETRY : VD_INVALID;
    (void)vd_fail(why, err, "the webhook answers with status %ld", status);
    if (err == VD_INVALID) vd_why_hint(why, "check its address and its secret");
    return err;
}

vd_err webhook_send(alert *a, const alert_item *item, vd_why *why)
{
    CURL *c = a->carrier;
    char said[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    long status = 0;
    vd_err err = VD_RETRY;

    curl_easy_reset(c); /* keeps the connection */
    if (make_headers(a, item, &headers)) {
        curl_easy_setopt(c, CURLOPT_URL, a->config.url);
        curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
        curl_easy_setopt(c, CURLOPT_ERRORBUFFER, said);
        if (a->config.ca_file[0]) curl_easy_setopt(c, CURLOPT_CAINFO, a->config.ca_file);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)item->body.len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, item->body.data);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(c, CURLOPT_XFERINFODATA, a);
        CURLcode rc = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        err = answered(a, rc, status, said, why);
    }
    curl_slist_free_all(headers);
    return err;
}
