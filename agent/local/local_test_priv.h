/* local_test_priv.h - asking the port as anybody would, with libcurl. */
#ifndef VD_LOCAL_TEST_PRIV_H
#define VD_LOCAL_TEST_PRIV_H
#include <curl/curl.h>
#include <pthread.h>

#include "local.h"
#include "vd/test.h"

typedef struct {
    const char *method, *path, *type, *authorization, *host; /* NULL: none */
    vd_slice body;
} test_ask;
typedef struct {
    long status;
    vd_buf head, body;
} test_answer;

static size_t test_take(char *data, size_t size, size_t count, void *into)
{
    return vd_buf_add(into, vd_slice_of(data, size * count)) ? size * count : 0;
}

static void test_answer_done(test_answer *answer)
{
    vd_buf_done(&answer->head);
    vd_buf_done(&answer->body);
}
VD_AUTO_DEFINE(test_answer, test_answer_done)

static struct curl_slist *test_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[512];
    if (!value) return list;
    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(list, line);
}

static test_answer test_send(uint16_t port, const test_ask *ask)
{
    char url[512];
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    test_answer answer = { .head = VD_BUF(65536), .body = VD_BUF(64u << 20) };

    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, ask->path);
    headers = test_header(headers, "Content-Type", ask->type);
    headers = test_header(headers, "Authorization", ask->authorization);
    headers = test_header(headers, "Host", ask->host);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (ask->body.data) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)ask->body.len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, ask->body.data);
    }
    if (ask->method) curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, ask->method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, test_take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, test_take);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &answer.head);
    expect_i64(curl_easy_perform(c), CURLE_OK);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return answer;
}

static inline test_answer test_get(uint16_t port, const char *path)
{
    return test_send(port, &(test_ask){ .path = path });
}
#endif
