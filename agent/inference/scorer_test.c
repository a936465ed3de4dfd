/* A scorer that is busy, slow, wrong, dead or something else; and one that works. */
#include "scorer_priv.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/clock.h"
#include "vd/test.h"

#define ENTITY(name, score, box)                                                                   \
    "{\"type\":\"entity\",\"entity\":{\"tag\":{\"value\":\"" name "\",\"confidence\":" score       \
    "},\"box\":" box "}}"
#define BOX "{\"l\":0.25,\"t\":0.25,\"w\":0.5,\"h\":0.5}"

typedef struct {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* held by a test: no answer comes */
    unsigned status;
    const char *type, *text, *retry_after;
    unsigned asked;
    int width, height;
    char authorization[64];
    vd_buf body;
} peer;

static void look(peer *p)
{
    vd_frame *frame = NULL;
    p->width = p->height = 0;
    if (vd_frame_from_jpeg(vd_buf_slice(&p->body), &frame, NULL)) return;
    p->width = vd_frame_picture(frame)->width_px;
    p->height = vd_frame_picture(frame)->height_px;
    vd_frame_unref(frame);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    peer *p = arg;
    (void)url, (void)method, (void)version;
    if (!*state) {
        *state = p;
        vd_buf_clear(&p->body);
        return MHD_YES;
    }
    if (*data_len) {
        vd_buf_add(&p->body, vd_slice_of(data, *data_len));
        *data_len = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&p->lock);
    const char *who = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    snprintf(p->authorization, sizeof p->authorization, "%s", who ? who : "");
    p->asked++;
    look(p);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(p->text), (void *)p->text, MHD_RESPMEM_MUST_COPY);
    if (p->type) MHD_add_response_header(response, "Content-Type", p->type);
    if (p->retry_after) MHD_add_response_header(response, "Retry-After", p->retry_after);
    enum MHD_Result queued = MHD_queue_response(connection, p->status, response);
    MHD_destroy_response(response);
    pthread_mutex_unlock(&p->lock);
    return queued;
}

static void peer_open(peer *p)
{
    *p = (peer){ .lock = PTHREAD_MUTEX_INITIALIZER,
                 .status = 200,
                 .type = "application/json",
                 .text = "{\"inferences\":[" ENTITY("person", "0.75", BOX) "]}",
                 .body = VD_BUF(1 << 22) };
    p->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, p,
                                 MHD_OPTION_END);
    assert_non_null(p->daemon);
}

static void peer_done(peer *p)
{
    if (p->daemon) MHD_stop_daemon(p->daemon);
    vd_buf_done(&p->body);
    vd_clock_fake(-1, -1);
}
VD_AUTO_DEFINE(peer, peer_done)

typedef struct {
    vd_model *model;
    vd_frame *frame;
    vd_detections found;
    vd_why why;
} user;

static void user_done(user *u)
{
    vd_model_free(u->model);
    vd_frame_unref(u->frame);
}
VD_AUTO_DEFINE(user, user_done)

static vd_frame *grey(int width, int height)
{
    size_t pixels = (size_t)width * (size_t)height;
    uint8_t *memory = calloc(pixels, 1);
    vd_frame *frame = NULL;
    const vd_picture picture = { .width_px = width,
                                 .height_px = height,
                                 .plane = { memory, memory, memory },
                                 .stride = { width, width / 2, width / 2 } };
    expect_ok(vd_frame_copy(&picture, &frame));
    free(memory);
    return frame;
}

static void user_open(user *u, unsigned port, int width, int height, int64_t timeout_ms)
{
    static const char *const classes[] = { "car", "person" };
    char url[64];
    vd_scorer_config config = { .url = url,
                                .name = "next door",
                                .token = "sesame",
                                .classes = classes,
                                .class_count = 2,
                                .width_px = width,
                                .height_px = height,
                                .quality = 80,
                                .timeout_ms = timeout_ms,
                                .score_min = 0.5f };
    *u = (user){ .frame = grey(320, 160) };
    snprintf(url, sizeof url, "http://127.0.0.1:%u/score", port);
    expect_ok(vd_model_scorer(&config, &u->model, NULL));
}

static unsigned port_of(peer *p)
{
    return MHD_get_daemon_info(p->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static vd_err run(user *u)
{
    u->why = (vd_why){ 0 };
    return vd_model_run(u->model, u->frame, &u->found, &u->why);
}

// covers: INF-5
VD_TEST(scorer_is_a_model_like_another)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) u = { 0 };
    peer_open(&p);
    user_open(&u, port_of(&p), 0, 0, 5000);
    expect_str(vd_model_name(u.model), "next door");
    expect_i64(vd_model_class_find(u.model, "person"), 1);
    expect_ok(run(&u));
    expect_u64(u.found.count, 1);
    expect_u64(u.found.item[0].class_id, 1);
    expect_i64(u.found.item[0].parent, -1);
    expect_near(u.found.item[0].score, 0.75, 1e-6);
    expect_near(u.found.item[0].box.l, 0.25, 1e-6);
    expect_i64(p.width, 320);
    expect_i64(p.height, 160);
    expect_str(p.authorization, "Bearer sesame");
    p.status = 204, p.text = "", p.type = NULL;
    expect_ok(run(&u));
    expect_u64(u.found.count, 0);
}

// covers: INF-5 INF-3
VD_TEST(a_scorer_in_a_cascade_is_sent_the_crop_and_its_boxes_lie_in_the_full_picture)
{
    const vd_part_px crop = { 80, 40, 160, 80 };
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) u = { 0 };
    peer_open(&p);
    user_open(&u, port_of(&p), 0, 0, 5000);
    expect_ok(vd_model_run_part(u.model, u.frame, &crop, &u.found, &u.why));
    expect_i64(p.width, 160);
    expect_i64(p.height, 80);
    expect_u64(u.found.count, 1);
    expect_near(u.found.item[0].box.l, 0.25 + 0.25 * 0.5, 1e-5); /* a quarter into the crop */
    expect_near(u.found.item[0].box.t, 0.25 + 0.25 * 0.5, 1e-5);
    expect_near(u.found.item[0].box.w, 0.25, 1e-5);
    expect_near(u.found.item[0].box.h, 0.25, 1e-5);
}

// covers: INF-5
VD_TEST(letterboxed_coordinates_are_mapped_back_to_the_full_picture)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) u = { 0 };
    peer_open(&p);
    user_open(&u, port_of(&p), 128, 128, 5000);
    expect_ok(run(&u)); /* 2:1 in a square: the picture is the middle half of its height */
    expect_i64(p.width, 128);
    expect_i64(p.height, 128);
    expect_near(u.found.item[0].box.l, 0.25, 1e-5);
    expect_near(u.found.item[0].box.w, 0.5, 1e-5);
    expect_near(u.found.item[0].box.t, 0, 1e-5);
    expect_near(u.found.item[0].box.h, 1, 1e-5);
}

// covers: INF-5
VD_TEST(busy_scorer_is_left_alone_for_as_long_as_it_asks)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) u = { 0 };
    peer_open(&p);
    user_open(&u, port_of(&p), 0, 0, 5000);
    p.status = 503, p.retry_after = "7";
    vd_clock_fake(1000000, 1);
    expect_err(run(&u), VD_RETRY);
    assert_non_null(strstr(u.why.fact, "busy"));
    p.status = 200;
    vd_clock_fake(7900000, 1);
    expect_err(run(&u), VD_RETRY);
    expect_u64(p.asked, 1);
    vd_clock_fake(8100000, 1);
    expect_ok(run(&u));
    expect_u64(p.asked, 2);
}

// covers: INF-5
VD_TEST(dead_scorer_costs_nothing_and_is_asked_again_less_and_less_often)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) u = { 0 };
    int64_t now_us = 1000000;
    peer_open(&p);
    user_open(&u, port_of(&p), 0, 0, 5000);
    p.status = 500;
    static const int waits_s[] = { 1, 2, 4, 8, 16, 30, 30 };
    for (unsigned i = 0; i < VD_COUNT_OF(waits_s); i++) {
        vd_clock_fake(now_us, 1);
        expect_err(run(&u), VD_INVALID);
        expect_u64(p.asked, i + 1);
        now_us += waits_s[i] * 1000000ll;
        vd_clock_fake(now_us - 1000, 1);
        expect_err(run(&u), VD_RETRY);
        expect_u64(p.asked, i + 1);
    }
    p.status = 200;
    vd_clock_fake(now_us, 1);
    expect_ok(run(&u));
    p.status = 500; /* after a success it begins anew */
    expect_err(run(&u), VD_INVALID);
    vd_clock_fake(now_us + 1000001, 1);
    expect_err(run(&u), VD_INVALID);
}

// covers: INF-5
VD_TEST(scorer_that_is_not_there_or_too_slow_says_so)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) slow = { 0 }, dead = { 0 };
    peer_open(&p);
    unsigned port = port_of(&p);
    user_open(&slow, port, 0, 0, 50);
    user_open(&dead, port, 0, 0, 5000);
    pthread_mutex_lock(&p.lock);
    expect_err(run(&slow), VD_RETRY);
    pthread_mutex_unlock(&p.lock);
    assert_non_null(strstr(slow.why.fact, "in time"));
    MHD_stop_daemon(p.daemon);
    p.daemon = NULL;
    expect_err(run(&dead), VD_RETRY);
    assert_non_null(strstr(dead.why.fact, "cannot be reached"));
    assert_non_null(strstr(dead.why.detail, "127.0.0.1"));
}

// covers: INF-5
VD_TEST(scorer_that_answers_html_or_without_end_is_named)
{
    VD_AUTO(peer) p = { 0 };
    VD_AUTO(user) html = { 0 }, plain = { 0 }, endless = { 0 };
    peer_open(&p);
    user_open(&html, port_of(&p), 0, 0, 5000);
    user_open(&plain, port_of(&p), 0, 0, 5000);
    user_open(&endless, port_of(&p), 0, 0, 20000);
    p.type = "text/html; charset=utf-8", p.text = "<!doctype html><p>It works!";
    expect_err(run(&html), VD_INVALID);
    assert_non_null(strstr(html.why.fact, "text/html"));
    assert_non_null(strstr(html.why.hint, "web page"));
    p.type = NULL;
    expect_err(run(&plain), VD_INVALID);
    assert_non_null(strstr(plain.why.fact, "no JSON"));
    char *large = malloc(SCORER_ANSWER_BYTES + 2);
    memset(large, ' ', SCORER_ANSWER_BYTES + 1);
    large[SCORER_ANSWER_BYTES + 1] = '\0';
    p.text = large;
    expect_err(run(&endless), VD_INVALID);
    assert_non_null(strstr(endless.why.fact, "more than"));
    free(large);
}

static vd_err read_text(const char *text, vd_detections *found, vd_why *why)
{
    static const char *const classes[] = { "car", "person" };
    const remote_terms terms = { classes, 2, 0, 0, 1, 1 };
    return remote_read(vd_slice_str(text), &terms, found, why);
}

// covers: INF-5
VD_TEST(wrong_answer_is_refused_whole_with_its_place)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"inferences\":{}}",
        "{\"inferences\":[7]}",
        "{\"inferences\":[{\"type\":\"entity\"}]}",
        "{\"inferences\":[{\"type\":\"entity\",\"entity\":{}}]}",
        "{\"inferences\":[" ENTITY("person", "75", BOX) "]}",
        "{\"inferences\":[" ENTITY("person", "\"sure\"", BOX) "]}",
        "{\"inferences\":[" ENTITY("person", "0.5", "{\"l\":120,\"t\":3,\"w\":40,\"h\":80}") "]}",
        "{\"inferences\":[" ENTITY("person", "0.5", "{\"l\":0.1}") "]}",
        "{\"inferences\":[" ENTITY("person", "0.5", BOX) "," ENTITY("car", "-1", BOX) "]}",
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        vd_detections *found = calloc(1, sizeof *found);
        vd_why why = { 0 };
        expect_err(read_text(bad[i], found, &why), VD_INVALID);
        expect_u64(found->count, 0);
        assert_non_null(strstr(why.fact, "the scorer's answer"));
        free(found);
    }
}

// covers: INF-5
VD_TEST(answer_is_sorted_cut_to_the_picture_and_freed_of_what_nobody_asked_for)
{
    static const char text[] =
        "{\"timestamp\":1,\"inferences\":[" ENTITY("person", "0.25", BOX) "," ENTITY(
            "dog", "0.9", BOX) "," ENTITY("car", "0.01",
                                          BOX) "," ENTITY("car", "0.5",
                                                          "{\"l\":-0.1,\"t\":0.9,\"w\":0.3,\"h\":"
                                                          "0.3}") "," ENTITY("car", "0.9",
                                                                             "{\"l\":1.2,\"t\":0."
                                                                             "1,\"w\":0.1,\"h\":0."
                                                                             "1}") ","
                                                                                   "{\"type\":"
                                                                                   "\"motion\","
                                                                                   "\"motion\":{"
                                                                                   "\"box\":" BOX
                                                                                   "}},"
                                                                                   "{\"type\":"
                                                                                   "\"classificati"
                                                                                   "on\","
                                                                                   "\"classificati"
                                                                                   "on\":{\"tag\":"
                                                                                   "{\"value\":"
                                                                                   "\"car\","
                                                                                   "\"confidence\""
                                                                                   ":0.75}}}]}";
    vd_detections *found = calloc(1, sizeof *found);
    expect_ok(read_text(text, found, NULL));
    expect_u64(found->count, 3);
    expect_near(found->item[0].box.w, 1, 0); /* the classification is of the whole picture */
    expect_near(found->item[1].box.l, 0, 0);
    expect_near(found->item[1].box.w, 0.2, 1e-6);
    expect_near(found->item[1].box.h, 0.1, 1e-6);
    expect_u64(found->item[2].class_id, 1);
    free(found);
}

VD_TEST_MAIN(VD_RUN(scorer_is_a_model_like_another),
             VD_RUN(a_scorer_in_a_cascade_is_sent_the_crop_and_its_boxes_lie_in_the_full_picture),
             VD_RUN(letterboxed_coordinates_are_mapped_back_to_the_full_picture),
             VD_RUN(busy_scorer_is_left_alone_for_as_long_as_it_asks),
             VD_RUN(dead_scorer_costs_nothing_and_is_asked_again_less_and_less_often),
             VD_RUN(scorer_that_is_not_there_or_too_slow_says_so),
             VD_RUN(scorer_that_answers_html_or_without_end_is_named),
             VD_RUN(wrong_answer_is_refused_whole_with_its_place),
             VD_RUN(answer_is_sorted_cut_to_the_picture_and_freed_of_what_nobody_asked_for))
