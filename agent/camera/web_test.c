/* Sign-in and replies of HTTP, by the RFCs' own examples and by what cameras make of them. */
#include "child_web_priv.h"

#include "vd/test.h"

#define RFC_NONCE  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define RFC_OPAQUE "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
#define RFC_TAIL                                                                                   \
    "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", nonce=\"" RFC_NONCE                  \
    "\", opaque=\"" RFC_OPAQUE "\""

static const sign_who mufasa = { .user = "Mufasa",
                                 .password = "Circle of Life",
                                 .path = "/dir/index.html",
                                 .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" };

/* The response in the answer to these offers; "" when there is none. */
static const char *answered(const char *header, const char *second)
{
    static char text[2048];
    VD_AUTO(vd_buf) into = VD_BUF(4096);
    sign_offer best = { .scheme = "" };
    sign_offered(header, &best);
    if (second) sign_offered(second, &best);
    text[0] = 0;
    if (sign_add(&best, &mufasa, &into)) snprintf(text, sizeof text, "%s", into.data);
    return text;
}

#define BY_MD5    "response=\"8ca523f5e9506fed4657c9700eebdbec\""
#define BY_SHA256 "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""

// covers: CAM-3
VD_TEST(examples_of_rfc_7616_are_answered_as_there)
{
    assert_non_null(strstr(answered("Digest algorithm=MD5, " RFC_TAIL, NULL), BY_MD5));
    const char *answer = answered("Digest algorithm=SHA-256, " RFC_TAIL, NULL);
    assert_non_null(strstr(answer, BY_SHA256));
    assert_non_null(strstr(answer, "algorithm=SHA-256"));
    assert_non_null(strstr(answer, "opaque=\"" RFC_OPAQUE "\""));
    assert_non_null(strstr(answer, "qop=auth, nc=00000001"));
}

// covers: CAM-3
VD_TEST(strongest_of_several_offers_is_answered_however_they_are_written)
{
    const char *md5 = "Digest algorithm=MD5, " RFC_TAIL;
    assert_non_null(strstr(answered(md5, "digest " RFC_TAIL ",ALGORITHM=sha-256"), BY_SHA256));
    assert_non_null(strstr(answered("Digest Algorithm = \"Sha-256\" , " RFC_TAIL, md5), BY_SHA256));
    assert_non_null(strstr(answered("Basic realm=\"x\", Digest " RFC_TAIL, NULL), BY_MD5));
    assert_non_null(
        strstr(answered("Negotiate, Digest " RFC_TAIL ", Basic realm=\"x\"", NULL), BY_MD5));
    assert_non_null(
        strstr(answered("Digest algorithm=SHA-512-256, " RFC_TAIL, md5), "SHA-512-256"));
    assert_non_null(strstr(answered("Digest algorithm=WHIRL, " RFC_TAIL, md5), BY_MD5));
}

VD_TEST(offers_that_cannot_be_answered_are_not)
{
    expect_str(answered("", NULL), "");
    expect_str(answered("Negotiate", NULL), "");
    expect_str(answered("Digest realm=\"x\"", NULL), "");
    expect_str(answered("Digest nonce=\"1\", algorithm=WHIRL", NULL), "");
    expect_str(answered("Digest nonce=\"1\", qop=\"auth-int\"", NULL), "");
    expect_str(answered("=\"==,\"Digest", NULL), "");
    expect_str(answered("Digest realm=\"x\rHost: other\", nonce=\"1\"", NULL), "");
    expect_str(answered("Basic realm=\"x\"", NULL), "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl");
}

/* The body that comes of `bytes` when they come `step` at a time; false: it is broken. */
static bool body_of(const char *head, vd_slice bytes, size_t step, char *into, bool *ret_ended)
{
    reply got;
    size_t len = 0, have = 0, from = 0;
    expect_true(reply_read(vd_slice_str(head), &got));
    while (!got.ended) {
        vd_slice rest = vd_slice_of(bytes.data + from, have - from), part;
        if (!reply_body(&got, &rest, &part)) return false;
        from = have - rest.len;
        memcpy(into + len, part.data ? part.data : (const uint8_t *)"", part.len);
        len += part.len;
        if (part.len || got.ended) continue;
        if (have == bytes.len) break;
        have = have + step < bytes.len ? have + step : bytes.len;
    }
    into[len] = 0;
    *ret_ended = got.ended;
    return true;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n"

// covers: CAM-3
VD_TEST(body_is_the_same_however_it_is_cut)
{
    const vd_slice chunks = VD_STR("4\r\nabcd\r\n00b;x=y\r\nefghijklmno\r\n0\r\n\r\n");
    char into[256];
    bool ended;
    for (size_t step = 1; step <= chunks.len; step++) {
        expect_true(body_of(CHUNKED, chunks, step, into, &ended));
        expect_str(into, "abcdefghijklmno");
        expect_true(ended);
    }
    expect_true(
        body_of("HTTP/1.0 200 OK\nContent-Length: 5\n\n", VD_STR("abcdefg"), 2, into, &ended));
    expect_str(into, "abcde");
    expect_true(ended);
    expect_true(
        body_of("HTTP/1.0 200 OK\nContent-Length: -5\n\n", VD_STR("abcdefg"), 3, into, &ended));
    expect_str(into, "abcdefg");
    expect_false(ended);
    expect_false(body_of(CHUNKED, VD_STR("xyz\r\nabc"), 3, into, &ended));
    expect_false(body_of(CHUNKED, VD_STR("fffffffffffff\r\nabc"), 40, into, &ended));
}

// covers: CAM-3
VD_TEST(head_is_read_to_its_empty_line)
{
    static const char head[] = "HTTP/1.1 401 No\r\nContent-type:  multipart/x \r\n"
                               "WWW-AUTHENTICATE: Basic realm=\"x\"\r\nLocation: /b\r\n\r\n";
    reply got;
    expect_u64(reply_head_len(VD_STR("HTTP/1.1 200 OK\r\nA: b\r\n")), 0);
    expect_u64(reply_head_len(VD_STR("HTTP/1.1 200 OK\n\nbody")), 17);
    expect_true(reply_read(vd_slice_str(head), &got));
    expect_u64(got.status, 401);
    expect_str(got.type, "multipart/x");
    expect_str(got.location, "/b");
    expect_str(got.offer.scheme, "Basic");
    expect_false(reply_read(VD_STR("RTSP/1.0 200 OK\r\n\r\n"), &got));
    expect_false(reply_read(VD_STR("HTTP/1.1 two\r\n\r\n"), &got));
}

VD_TEST_MAIN(VD_RUN(examples_of_rfc_7616_are_answered_as_there),
             VD_RUN(strongest_of_several_offers_is_answered_however_they_are_written),
             VD_RUN(offers_that_cannot_be_answered_are_not),
             VD_RUN(body_is_the_same_however_it_is_cut), VD_RUN(head_is_read_to_its_empty_line))
