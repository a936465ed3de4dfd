/* MJPEG over HTTP, against a real web server (libmicrohttpd) that answers well and badly. */
#include "mask_test_priv.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <openssl/evp.h>

#include "trust_test_priv.h"

#define REALM     "yard"
#define NONCE     "dcd98b7102dd2f0e8b11d0f600bfb0c0"
#define USER      "guard"
#define PASSWORD  "p@ss/word:1"
#define PAGE      "<html><body>Please sign in</body></html>"
#define PART_ROOM 400

static char films[] = "/tmp/vedette-mjpeg-XXXXXX";
static char jpeg_path[2][64];
static struct {
    char bytes[32768];
    size_t len;
} jpeg[2];

/* One watcher's stream: parts are written one after the other into `part`. */
typedef struct {
    const char *head, *tail; /* around a picture; %zu in head is its length */
    int pictures;            /* -1: for ever */
    int cut_each;            /* every n-th picture ends in the middle; 0: none */
    int count;
    char part[sizeof jpeg[0].bytes + PART_ROOM];
    size_t len, at;
} stream;

typedef struct {
    struct MHD_Daemon *daemon;
    char url[64];
} server;

static void next_part(stream *self)
{
    const int which = self->count / 10 % 2; /* another size now and then */
    const int n = self->count++;
    size_t len = jpeg[which].len;
    if (self->cut_each && n % self->cut_each == self->cut_each - 1) len /= 2;
    char head[PART_ROOM / 2];
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
        self->len = (size_t)snprintf(head, sizeof head, self->head, jpeg[which].len);
    _Pragma("GCC diagnostic pop") memcpy(self->part, head, self->len);
    memcpy(self->part + self->len, jpeg[which].bytes, len);
    self->len += len;
    memcpy(self->part + self->len, self->tail, strlen(self->tail));
    self->len += strlen(self->tail);
    self->at = 0;
}

static ssize_t stream_read(void *arg, uint64_t position, char *into, size_t room)
{
    stream *self = arg;
    (void)position;
    if (self->at == self->len) {
        if (self->count == self->pictures) return MHD_CONTENT_READER_END_OF_STREAM;
        usleep(10000); /* the camera's pace */
        next_part(self);
    }
    const size_t left = self->len - self->at, len = left < room ? left : room;
    memcpy(into, self->part + self->at, len);
    self->at += len;
    return (ssize_t)len;
}

static enum MHD_Result answer_stream(struct MHD_Connection *connection, const char *type,
                                     const stream *form)
{
    stream *self = calloc(1, sizeof *self);
    if (!self) return MHD_NO;
    *self = *form;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, self, free);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    const enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code,
                                   const char *type, const char *text, size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    const enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static bool basic_good(struct MHD_Connection *connection)
{
    char *password = NULL;
    char *user = MHD_basic_auth_get_username_password(connection, &password);
    const bool good =
        user && password && strcmp(user, USER) == 0 && strcmp(password, PASSWORD) == 0;
    MHD_free(user);
    MHD_free(password);
    return good;
}

static void hash_hex(const EVP_MD *kind, const char *text, char into[65])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    assert_int_equal(EVP_Digest(text, strlen(text), hash, &len, kind, NULL), 1);
    for (unsigned i = 0; i < len; i++) snprintf(into + 2 * i, 3, "%02x", hash[i]);
}

/* The value of `name="value"` or `name=value` in a header. */
static void header_part(const char *header, const char *name, char *into, size_t room)
{
    char key[32];
    snprintf(key, sizeof key, " %s=", name);
    const char *at = strstr(header, key);
    at = at ? at + strlen(key) : "";
    at += *at == '"';
    snprintf(into, room, "%.*s", (int)strcspn(at, "\","), at);
}

/* RFC 7616 with qop=auth. */
static bool digest_good(struct MHD_Connection *connection, const char *path, const EVP_MD *kind)
{
    char cnonce[64], nc[16], response[80], text[512], secret[65], request[65], want[65];
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (!header || strncmp(header, "Digest ", 7) != 0 || !strstr(header, NONCE)) return false;
    header_part(header, "cnonce", cnonce, sizeof cnonce);
    header_part(header, "nc", nc, sizeof nc);
    header_part(header, "response", response, sizeof response);
    hash_hex(kind, USER ":" REALM ":" PASSWORD, secret);
    snprintf(text, sizeof text, "GET:%s", path);
    hash_hex(kind, text, request);
    snprintf(text, sizeof text, "%s:" NONCE ":%s:%s:auth:%s", secret, nc, cnonce, request);
    hash_hex(kind, text, want);
    return strcmp(want, response) == 0;
}

static enum MHD_Result answer_moved(struct MHD_Connection *connection, const char *to)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, to);
    const enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_FOUND, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result ask_sign_in(struct MHD_Connection *connection, const char *how)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof PAGE - 1, (void *)(uintptr_t)PAGE,
                                        MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, how);
    const enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_UNAUTHORIZED, response);
    MHD_destroy_response(response);
    return result;
}

#define TYPE "multipart/x-mixed-replace; boundary=shot"
static const struct {
    const char *path, *type;
    stream form;
} forms[] = {
    { "/good",
      TYPE,
      { .head = "--shot\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n",
        .tail = "\r\n",
        .pictures = -1 } },
    { "/wrong",
      TYPE, /* another boundary, no type, lies about the length, bare line feeds */
      { .head = "--other--\nContent-Length: 1%zu\nContent-Length: -3\n\n",
        .tail = "",
        .pictures = -1 } },
    { "/bare", "application/octet-stream", { .head = "", .tail = "", .pictures = -1 } },
    { "/cut", TYPE, { .head = "\r\n--shot\r\n\r\n", .tail = "", .pictures = -1, .cut_each = 3 } },
    { "/short", TYPE, { .head = "--shot\r\n\r\n", .tail = "\r\n", .pictures = 5 } },
};

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body,
                              size_t *body_len, void **state)
{
    (void)ctx, (void)method, (void)version, (void)body, (void)body_len, (void)state;
    for (size_t i = 0; i < VD_COUNT_OF(forms); i++)
        if (strcmp(path, forms[i].path) == 0)
            return answer_stream(connection, forms[i].type, &forms[i].form);
    if (strcmp(path, "/page") == 0)
        return answer_text(connection, MHD_HTTP_OK, "text/html", PAGE, sizeof PAGE - 1);
    if (strcmp(path, "/one") == 0)
        return answer_text(connection, MHD_HTTP_OK, "image/jpeg", jpeg[0].bytes, jpeg[0].len);
    if (strcmp(path, "/basic") == 0)
        return basic_good(connection) ? answer_stream(connection, TYPE, &forms[0].form)
                                      : ask_sign_in(connection, "Basic realm=\"" REALM "\"");
    if (strcmp(path, "/sha256") == 0)
        return digest_good(connection, path, EVP_sha256())
                   ? answer_stream(connection, TYPE, &forms[0].form)
                   : ask_sign_in(connection,
                                 "Basic realm=\"" REALM "\", Digest realm=\"" REALM
                                 "\", nonce=\"" NONCE "\", algorithm=md5, qop=\"auth\", "
                                 "DIGEST qop=\"auth-int, auth\", algorithm=sha-256, "
                                 "realm=\"" REALM "\", nonce=\"" NONCE "\"");
    if (strcmp(path, "/moved") == 0) return answer_moved(connection, "/good");
    if (strcmp(path, "/away") == 0) return answer_moved(connection, "http://127.0.0.9/good");
    if (strcmp(path, "/digest") == 0)
        return digest_good(connection, path, EVP_md5())
                   ? answer_stream(connection, TYPE, &forms[0].form)
                   : ask_sign_in(connection, "Digest realm=\"" REALM "\", nonce=\"" NONCE
                                             "\", algorithm=MD5, qop=\"auth\"");
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "text/html", PAGE, sizeof PAGE - 1);
}

static void server_start(server *self)
{
    const struct sockaddr_in here = { .sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    self->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
                         NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &here,
                         MHD_OPTION_DIGEST_AUTH_RANDOM, (size_t)8, "random01", MHD_OPTION_END);
    assert_non_null(self->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%d", info->port);
}

static void http_camera(const server *self, const char *path, char *url, vd_camera_config *config)
{
    snprintf(url, 128, "%s%s", self->url, path);
    *config = (vd_camera_config){ .id = "yard", .kind = VD_CAMERA_HTTP, .url = url };
}

static void expect_pictures(const char *path, const char *user, const char *password)
{
    watcher watch;
    server peer;
    char url[128];
    vd_camera_config config;
    server_start(&peer);
    http_camera(&peer, path, url, &config);
    config.user = user;
    config.password = password;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 25));
    watch_stop(&watch);
    MHD_stop_daemon(peer.daemon);
    expect_str(watch.codec, "mjpeg");
    expect_true(watch.packets >= watch.pictures && watch.keys == watch.packets);
    expect_true(watch.luma > 40 && watch.luma < 215);
    expect_true(llabs(watch.last.utc_us - vd_clock_utc_us()) < 20 * INT64_C(1000000));
    expect_false(watch.time_fell);
    expect_u64(watch.state_changes[VD_CAMERA_FAILED], 0);
    expect_true(watch.serial >= 2); /* its size changed under way, and that was told */
}

static void expect_failure_within(unsigned patience_ms, const char *base, const char *path,
                                  const char *password, const char *fact)
{
    watcher watch;
    char url[128];
    vd_camera_config config;
    server peer = { 0 };
    snprintf(peer.url, sizeof peer.url, "%s", base ? base : "");
    if (!base) server_start(&peer);
    http_camera(&peer, path, url, &config);
    config.user = password ? USER : NULL;
    config.password = password;
    config.patience_ms = patience_ms;
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    watch_stop(&watch);
    if (peer.daemon) MHD_stop_daemon(peer.daemon);
    if (!strstr(watch.status.why.fact, fact)) print_error("said '%s'\n", watch.status.why.fact);
    expect_true(strstr(watch.status.why.fact, fact) != NULL);
    expect_true(strstr(watch.status.why.detail, url) != NULL);
    expect_true(watch.status.why.hint[0] != 0);
    expect_u64(watch.pictures, 0);
}

static void expect_failure(const char *path, const char *password, const char *fact)
{
    expect_failure_within(0, NULL, path, password, fact);
}

// covers: CAM-3
VD_TEST(pictures_come_over_http)
{
    expect_pictures("/good", NULL, NULL);
}

/* Its size changes under way, too. */
// covers: CAM-7
VD_TEST(pictures_over_http_are_masked)
{
    static viewer v;
    server peer;
    char url[128];
    vd_camera_config config;
    server_start(&peer);
    http_camera(&peer, "/good", url, &config);
    config.masks = test_masks;
    config.mask_count = VD_COUNT_OF(test_masks);
    viewer_start(&v, &config);
    expect_true(watch_for(&v.base, pictures_are, 30));
    viewer_stop(&v);
    MHD_stop_daemon(peer.daemon);
    expect_str(v.base.codec, "h264");
    expect_true(v.streams >= 2 && v.packets.count >= 20);
    for (unsigned i = 0; i < v.pictures.count; i++)
        expect_i64(worst_inside(&v.pictures.picture[i], LUMA), 0);
    for (unsigned i = 0; i < v.packets.count; i++)
        expect_true(worst_inside(&v.packets.picture[i], LUMA) <= SMEARED_MAX);
    viewer_clear(&v);
}

// covers: CAM-3
VD_TEST(wrong_boundaries_and_lengths_do_no_harm)
{
    expect_pictures("/wrong", NULL, NULL);
    expect_pictures("/bare", NULL, NULL);
}

// covers: CAM-3
VD_TEST(pictures_that_are_cut_off_are_left_out)
{
    expect_pictures("/cut", NULL, NULL);
}

// covers: CAM-3
VD_TEST(basic_and_digest_sign_in_work)
{
    expect_pictures("/basic", USER, PASSWORD);
    expect_pictures("/digest", USER, PASSWORD);
}

// covers: CAM-3
VD_TEST(the_strongest_digest_that_is_offered_is_taken)
{
    expect_pictures("/sha256", USER, PASSWORD);
    expect_failure("/sha256", "wrong", "refused the user or password");
}

// covers: CAM-3
VD_TEST(who_is_sent_on_within_the_camera_goes_and_to_another_host_does_not)
{
    expect_pictures("/moved", NULL, NULL);
    expect_failure("/away", NULL, "sends us to another address");
}

/* ---- https ---- */

static void server_start_tls(server *self, const test_cert *cert)
{
    const struct sockaddr_in here = { .sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    self->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
                                        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_TLS,
                                    0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &here,
                                    MHD_OPTION_HTTPS_MEM_CERT, cert->cert_pem,
                                    MHD_OPTION_HTTPS_MEM_KEY, cert->key_pem, MHD_OPTION_END);
    assert_non_null(self->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(self->url, sizeof self->url, "https://127.0.0.1:%d", info->port);
}

static bool in_or_out(const watcher *watch, int64_t pictures)
{
    return watch->pictures >= (uint64_t)pictures || watch->status.state == VD_CAMERA_FAILED;
}

static void expect_trust(const test_certs *all, test_shown shown, test_trust trust,
                         const char *fact)
{
    watcher watch;
    server peer;
    char url[128];
    vd_camera_config config;
    server_start_tls(&peer, &all->shown[shown]);
    http_camera(&peer, "/good", url, &config);
    config.trust = test_trust_of(all, shown, trust);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, in_or_out, 3));
    watch_stop(&watch);
    MHD_stop_daemon(peer.daemon);
    if (!fact) {
        if (watch.pictures < 3) print_error("said '%s'\n", watch.status.why.fact);
        expect_true(watch.pictures >= 3);
        return;
    }
    if (!strstr(watch.status.why.fact, fact)) print_error("said '%s'\n", watch.status.why.fact);
    expect_u64(watch.pictures, 0);
    assert_non_null(strstr(watch.status.why.fact, fact));
    assert_non_null(strstr(watch.status.why.detail, all->shown[shown].fingerprint));
}

// covers: CAM-3
VD_TEST(only_the_right_certificate_is_let_in)
{
    static test_certs all;
    test_certs_open(&all);
    for (size_t i = 0; i < VD_COUNT_OF(trust_cases); i++)
        expect_trust(&all, trust_cases[i].shown, trust_cases[i].trust, trust_cases[i].fact);
    test_certs_close(&all);
}

VD_TEST(a_ca_file_that_is_none_is_said_so)
{
    watcher watch;
    server peer = { .url = "https://127.0.0.1:9" };
    char url[128];
    vd_camera_config config;
    http_camera(&peer, "/good", url, &config);
    config.trust.ca_file = jpeg_path[0];
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    watch_stop(&watch);
    assert_non_null(strstr(watch.status.why.fact, "holds no certificate"));
}

// covers: CAM-3
VD_TEST(a_wrong_password_and_a_wrong_path_are_said_so)
{
    expect_failure("/basic", "wrong", "refused the user or password");
    expect_failure("/digest", "wrong", "refused the user or password");
    expect_failure("/nothing", NULL, "no stream at this address");
}

// covers: CAM-3
VD_TEST(a_web_page_is_no_camera)
{
    expect_failure("/page", NULL, "text or web page");
}

static bool told(const watcher *watch, int64_t state)
{
    return watch->state_changes[state] > 0;
}

VD_TEST(an_address_of_one_picture_is_said_so)
{
    watcher watch;
    server peer;
    char url[128];
    vd_camera_config config;
    server_start(&peer);
    http_camera(&peer, "/one", url, &config);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    watch_stop(&watch);
    MHD_stop_daemon(peer.daemon);
    expect_true(strstr(watch.status.why.fact, "one picture") != NULL);
}

// covers: CAM-3
VD_TEST(a_stream_that_ends_is_opened_again)
{
    watcher watch;
    server peer;
    char url[128];
    vd_camera_config config;
    server_start(&peer);
    http_camera(&peer, "/short", url, &config);
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, told, VD_CAMERA_FAILED));
    expect_true(watch_for(&watch, pictures_are, 12));
    watch_stop(&watch);
    MHD_stop_daemon(peer.daemon);
    expect_true(watch.serial >= 3);
}

/* Answers every connection with header lines for as long as anybody listens. */
static void *endless_headers(void *arg)
{
    const int listener = *(const int *)arg;
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) return NULL;
        static const char line[] = "X-One-More: header\r\n";
        ssize_t sent = send(fd, "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL);
        for (int i = 0; sent > 0 && i < 50000000; i++)
            sent = send(fd, line, sizeof line - 1, MSG_NOSIGNAL);
        close(fd);
    }
}

// covers: CAM-3
VD_TEST(headers_without_end_are_given_up_and_said_so)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t room = sizeof here;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    char base[64];
    assert_int_equal(bind(listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&here, &room), 0);
    assert_int_equal(pthread_create(&thread, NULL, endless_headers, (void *)(uintptr_t)&listener),
                     0);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", ntohs(here.sin_port));
    expect_failure_within(3000, base, "/", NULL, "does not speak HTTP");
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
}

static bool load(int which, const char *source)
{
    char *path = jpeg_path[which];
    snprintf(path, sizeof jpeg_path[0], "%s/%d.jpg", films, which);
    if (!make_video(path, source, "-frames:v 1")) return false;
    FILE *in = fopen(path, "r");
    if (!in) return false;
    jpeg[which].len = fread(jpeg[which].bytes, 1, sizeof jpeg[which].bytes, in);
    fclose(in);
    return jpeg[which].len > 1000 && jpeg[which].len < sizeof jpeg[which].bytes;
}

static int make_pictures(void **state)
{
    (void)state;
    if (!mkdtemp(films)) return -1;
    return load(0, "testsrc=s=320x240:r=1:d=1") && load(1, "testsrc=s=240x180:r=1:d=1") ? 0 : -1;
}

static int remove_pictures(void **state)
{
    (void)state;
    unlink(jpeg_path[0]);
    unlink(jpeg_path[1]);
    return rmdir(films);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(pictures_come_over_http),
        VD_RUN(pictures_over_http_are_masked),
        VD_RUN(wrong_boundaries_and_lengths_do_no_harm),
        VD_RUN(pictures_that_are_cut_off_are_left_out),
        VD_RUN(basic_and_digest_sign_in_work),
        VD_RUN(the_strongest_digest_that_is_offered_is_taken),
        VD_RUN(who_is_sent_on_within_the_camera_goes_and_to_another_host_does_not),
        VD_RUN(only_the_right_certificate_is_let_in),
        VD_RUN(a_ca_file_that_is_none_is_said_so),
        VD_RUN(a_wrong_password_and_a_wrong_path_are_said_so),
        VD_RUN(a_web_page_is_no_camera),
        VD_RUN(an_address_of_one_picture_is_said_so),
        VD_RUN(a_stream_that_ends_is_opened_again),
        VD_RUN(headers_without_end_are_given_up_and_said_so),
    };
    return cmocka_run_group_tests(tests, make_pictures, remove_pictures);
}
