/* The port with a scripted agent behind it. */
#include "local_test_priv.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/file.h"

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold;       /* scoring waits until it is let go */
    unsigned inside; /* scorings that wait */
    unsigned found;
    bool whole;
    vd_local_ask ask;
    char object[32];
    int width, height;
    unsigned triggers;
} script;

static void on_figures(void *ctx, vd_metrics *m)
{
    (void)ctx;
    vd_metrics_family(m, "asked_total", VD_METRIC_COUNTER, "Asked.");
    vd_metrics_int(m, VD_NO_LABELS, 1);
}

static void on_status(void *ctx, vd_json_w *w)
{
    (void)ctx;
    vd_json_w_kv_text(w, "device", "yard");
}

static vd_err on_picture(void *ctx, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                         vd_why *why)
{
    (void)ctx;
    if (strcmp(camera, "gate") != 0) return vd_fail(why, VD_ABSENT, "no camera '%s'", camera);
    *ret_utc_us = 1700000000000000;
    return vd_buf_add_str(ret_jpeg, "a picture") ? VD_OK : VD_FULL;
}

static vd_err on_score(void *ctx, const vd_local_ask *ask, vd_frame *frame,
                       vd_local_found *ret_found, vd_why *why)
{
    script *s = ctx;
    (void)why;
    pthread_mutex_lock(&s->lock);
    s->inside++;
    pthread_cond_broadcast(&s->changed);
    while (s->hold) pthread_cond_wait(&s->changed, &s->lock);
    s->inside--;
    s->ask = *ask;
    snprintf(s->object, sizeof s->object, "%s", ask->object ? ask->object : "");
    s->width = vd_frame_picture(frame)->width_px;
    s->height = vd_frame_picture(frame)->height_px;
    ret_found->count = s->found;
    pthread_mutex_unlock(&s->lock);
    snprintf(ret_found->model, sizeof ret_found->model, "scripted");
    ret_found->digest = vd_sha256(VD_STR("scripted"));
    for (unsigned i = 0; i < ret_found->count; i++) {
        snprintf(ret_found->name[i], VD_LOCAL_NAME_ROOM, "person");
        ret_found->box[i] = (vd_event_box){ .box = { 0.25f, 0.5f, 0.125f, 0.25f },
                                            .score = 0.75,
                                            .class_name = ret_found->name[i] };
        if (s->whole) ret_found->box[i].box = (vd_event_rect){ 0, 0, 1, 1 };
    }
    return VD_OK;
}

static vd_err on_trigger(void *ctx, const char *camera, vd_why *why)
{
    script *s = ctx;
    if (strcmp(camera, "yard") != 0) return vd_fail(why, VD_ABSENT, "there is no '%.20s'", camera);
    pthread_mutex_lock(&s->lock);
    s->triggers++;
    pthread_mutex_unlock(&s->lock);
    return VD_OK;
}

typedef struct {
    script script;
    vd_local *local;
    uint16_t port;
    vd_buf jpeg;
} house;

static void house_done(house *h)
{
    vd_local_free(h->local);
    vd_buf_done(&h->jpeg);
}
VD_AUTO_DEFINE(house, house_done)

static vd_buf picture_of(int width, int height)
{
    vd_buf jpeg = VD_BUF(1 << 20);
    size_t pixels = (size_t)width * (size_t)height;
    uint8_t *grey = malloc(pixels);
    vd_frame *frame = NULL;
    memset(grey, 128, pixels);
    const vd_picture picture = { .width_px = width,
                                 .height_px = height,
                                 .plane = { grey, grey, grey },
                                 .stride = { width, (width + 1) / 2, (width + 1) / 2 } };
    expect_ok(vd_frame_copy(&picture, &frame));
    expect_ok(vd_frame_jpeg(frame, 0, 80, &jpeg, NULL));
    vd_frame_unref(frame);
    free(grey);
    return jpeg;
}

static void house_open(house *h, const char *token_file)
{
    vd_local_sink sink = { h, on_figures, on_status, on_picture, on_score, on_trigger };
    vd_local_config config = { "127.0.0.1", 0, token_file };
    *h = (house){ .script = { .lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER,
                              .found = 1 } };
    sink.ctx = &h->script;
    expect_ok(vd_local_start(&config, &sink, &h->local, NULL));
    h->port = vd_local_port(h->local);
    h->jpeg = picture_of(64, 48);
}

static test_answer post(const house *h, const char *path)
{
    return test_send(
        h->port, &(test_ask){ .path = path, .type = "image/jpeg", .body = vd_buf_slice(&h->jpeg) });
}

// covers: AGT-1
VD_TEST(health_figures_status_page_and_pictures_are_served)
{
    VD_AUTO(house) h = { 0 };
    house_open(&h, "");
    VD_AUTO(test_answer) health = test_get(h.port, "/health");
    expect_str(health.body.data, "ok\n");
    VD_AUTO(test_answer) figures = test_get(h.port, "/metrics");
    assert_non_null(strstr(figures.head.data, "text/plain; version=0.0.4"));
    assert_non_null(strstr(figures.body.data, "asked_total 1\n"));
    VD_AUTO(test_answer) status = test_get(h.port, "/status");
    assert_non_null(strstr(status.body.data, "\"device\":\"yard\""));
    VD_AUTO(test_answer) page = test_get(h.port, "/");
    assert_non_null(strstr(page.head.data, "script-src 'sha256-"));
    assert_non_null(strstr(page.body.data, "<title>Vedette agent</title>"));
    VD_AUTO(test_answer) picture = test_get(h.port, "/cameras/gate/picture");
    expect_str(picture.body.data, "a picture");
    assert_non_null(strstr(picture.head.data, "X-Vedette-Time: 2023-11-14T22:13:20"));
    VD_AUTO(test_answer) none = test_get(h.port, "/cameras/roof/picture");
    expect_i64(none.status, 404);
    VD_AUTO(test_answer) lost = test_get(h.port, "/etc/passwd");
    expect_i64(lost.status, 404);
    VD_AUTO(test_answer) wrong = test_get(h.port, "/score");
    expect_i64(wrong.status, 405);
}

// covers: INF-5
VD_TEST(scored_picture_is_answered_in_the_ava_shape_or_with_204)
{
    VD_AUTO(house) h = { 0 };
    house_open(&h, "");
    VD_AUTO(test_answer) found = post(&h, "/score?object=person&confidence=0.5&stream=gate");
    expect_i64(found.status, 200);
    expect_str(found.body.data,
               "{\"inferences\":[{\"type\":\"entity\",\"entity\":{\"tag\":{\"value\":\"person\","
               "\"confidence\":0.75},\"box\":{\"l\":0.25,\"t\":0.5,\"w\":0.125,\"h\":0.25}}}]}");
    assert_non_null(strstr(found.head.data, "X-Vedette-Model: scripted"));
    expect_str(h.script.object, "person");
    expect_near(h.script.ask.confidence, 0.5, 1e-9);
    expect_i64(h.script.width, 64);
    h.script.whole = true;
    VD_AUTO(test_answer) whole = post(&h, "/score");
    assert_non_null(strstr(whole.body.data, "\"type\":\"classification\""));
    expect_near(h.script.ask.confidence, -1, 1e-9);
    h.script.found = 0;
    VD_AUTO(test_answer) nothing = post(&h, "/score");
    expect_i64(nothing.status, 204);
    expect_u64(nothing.body.len, 0);
}

// covers: INF-5
VD_TEST(annotated_picture_is_a_jpeg_of_the_same_size_with_a_box)
{
    VD_AUTO(house) h = { 0 };
    vd_frame *frame = NULL;
    house_open(&h, "");
    VD_AUTO(test_answer) drawn = post(&h, "/annotate");
    expect_i64(drawn.status, 200);
    assert_non_null(strstr(drawn.head.data, "image/jpeg"));
    expect_ok(vd_frame_from_jpeg(vd_buf_slice(&drawn.body), &frame, NULL));
    const vd_picture *p = vd_frame_picture(frame);
    expect_i64(p->width_px, 64);
    /* the box's left edge at a quarter of the width, three eighths down from its top */
    uint8_t u = p->plane[1][(30 / 2) * p->stride[1] + 16 / 2];
    uint8_t v = p->plane[2][(30 / 2) * p->stride[2] + 16 / 2];
    expect_true(abs(u - 128) > 30 || abs(v - 128) > 30);
    vd_frame_unref(frame);
}

// covers: INF-5
VD_TEST(what_is_no_picture_or_no_number_is_refused_with_a_reason)
{
    VD_AUTO(house) h = { 0 };
    house_open(&h, "");
    VD_AUTO(test_answer)
    text =
        test_send(h.port,
                  &(test_ask){ .path = "/score", .type = "image/png", .body = VD_STR("<html>") });
    expect_i64(text.status, 400);
    assert_non_null(strstr(text.body.data, "JPEG, PNG and BMP"));
    VD_AUTO(test_answer)
    empty = test_send(h.port, &(test_ask){ .path = "/score", .body = VD_STR("") });
    expect_i64(empty.status, 400);
    VD_AUTO(test_answer) unsure = post(&h, "/score?confidence=very");
    expect_i64(unsure.status, 400);
    VD_AUTO(vd_buf) large = VD_BUF(32u << 20);
    while (large.len <= VD_LOCAL_PICTURE_BYTES) vd_buf_add(&large, vd_buf_slice(&h.jpeg));
    VD_AUTO(test_answer)
    huge = test_send(h.port, &(test_ask){ .path = "/score", .body = vd_buf_slice(&large) });
    expect_i64(huge.status, 413);
}

// covers: INF-5
VD_TEST(raw_picture_is_taken_when_its_size_is_told)
{
    VD_AUTO(house) h = { 0 };
    uint8_t raw[8 * 6 + 2 * 4 * 3];
    house_open(&h, "");
    memset(raw, 128, sizeof raw);
    test_ask ask = { .path = "/score?width=8&height=6",
                     .type = "image/x-raw",
                     .body = vd_slice_of(raw, sizeof raw) };
    VD_AUTO(test_answer) seen = test_send(h.port, &ask);
    expect_i64(seen.status, 200);
    expect_i64(h.script.width, 8);
    expect_i64(h.script.height, 6);
    ask.path = "/score?width=10&height=6";
    VD_AUTO(test_answer) other = test_send(h.port, &ask);
    expect_i64(other.status, 400);
    ask.path = "/score";
    VD_AUTO(test_answer) unknown = test_send(h.port, &ask);
    expect_i64(unknown.status, 400);
}

static void *score_one(void *arg)
{
    house *h = arg;
    VD_AUTO(test_answer) answer = post(h, "/score");
    return (void *)(intptr_t)answer.status;
}

// covers: INF-5
VD_TEST(more_pictures_than_the_model_can_take_are_told_to_come_back)
{
    VD_AUTO(house) h = { 0 };
    pthread_t asking[VD_LOCAL_SCORING];
    uint64_t scored, busy;
    house_open(&h, "");
    h.script.hold = true;
    for (int i = 0; i < VD_LOCAL_SCORING; i++) pthread_create(&asking[i], NULL, score_one, &h);
    pthread_mutex_lock(&h.script.lock);
    while (h.script.inside < VD_LOCAL_SCORING) pthread_cond_wait(&h.script.changed, &h.script.lock);
    pthread_mutex_unlock(&h.script.lock);

    VD_AUTO(test_answer) refused = post(&h, "/score");
    expect_i64(refused.status, 503);
    assert_non_null(strstr(refused.head.data, "Retry-After: 1"));
    VD_AUTO(test_answer) health = test_get(h.port, "/health");
    expect_i64(health.status, 200);

    pthread_mutex_lock(&h.script.lock);
    h.script.hold = false;
    pthread_cond_broadcast(&h.script.changed);
    pthread_mutex_unlock(&h.script.lock);
    for (int i = 0; i < VD_LOCAL_SCORING; i++) {
        void *status;
        pthread_join(asking[i], &status);
        expect_i64((intptr_t)status, 200);
    }
    VD_AUTO(test_answer) again = post(&h, "/score");
    expect_i64(again.status, 200);
    vd_local_scored(h.local, &scored, &busy);
    expect_u64(scored, VD_LOCAL_SCORING + 1);
    expect_u64(busy, 1);
}

// covers: AGT-1, INF-5
VD_TEST(token_is_made_once_and_opens_all_but_health_and_figures)
{
    VD_AUTO(house) h = { 0 };
    VD_AUTO(vd_buf) token = VD_BUF(256), coded = VD_BUF(512), pair = VD_BUF(512);
    char dir[] = "/tmp/vedette-local-XXXXXX", path[64], bearer[300], basic[600];
    struct stat about;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/token", dir);
    house_open(&h, path);
    expect_ok(vd_file_load(path, &token, NULL));
    expect_i64(stat(path, &about), 0);
    expect_i64(about.st_mode & 0777, 0600);
    token.data[--token.len] = '\0'; /* the line's end */

    VD_AUTO(test_answer) health = test_get(h.port, "/health");
    VD_AUTO(test_answer) figures = test_get(h.port, "/metrics");
    VD_AUTO(test_answer) page = test_get(h.port, "/");
    VD_AUTO(test_answer) score = post(&h, "/score");
    expect_i64(health.status, 200);
    expect_i64(figures.status, 200);
    expect_i64(page.status, 401);
    assert_non_null(strstr(page.head.data, "WWW-Authenticate: Basic"));
    expect_i64(score.status, 401);

    snprintf(bearer, sizeof bearer, "Bearer %s", token.data);
    VD_AUTO(test_answer)
    status = test_send(h.port, &(test_ask){ .path = "/status", .authorization = bearer });
    expect_i64(status.status, 200);
    vd_buf_addf(&pair, "me:%s", token.data);
    vd_base64_encode(vd_buf_slice(&pair), &coded);
    snprintf(basic, sizeof basic, "Basic %s", coded.data);
    VD_AUTO(test_answer)
    shown = test_send(h.port, &(test_ask){ .path = "/", .authorization = basic });
    expect_i64(shown.status, 200);
    bearer[strlen(bearer) - 1] ^= 1;
    VD_AUTO(test_answer)
    wrong = test_send(h.port, &(test_ask){ .path = "/status", .authorization = bearer });
    expect_i64(wrong.status, 401);
    unlink(path);
    rmdir(dir);
}

// covers: AGT-1
VD_TEST(without_a_token_only_this_machine_is_answered)
{
    VD_AUTO(house) h = { 0 };
    vd_why why = { 0 };
    house_open(&h, "");
    VD_AUTO(test_answer)
    here = test_send(h.port, &(test_ask){ .path = "/status", .host = "localhost:8410" });
    expect_i64(here.status, 200);
    VD_AUTO(test_answer)
    page = test_send(h.port, &(test_ask){ .path = "/status", .host = "evil.example" });
    expect_i64(page.status, 403);
    vd_local_config open = { "0.0.0.0", 0, "" };
    expect_err(vd_local_check(&open, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "token_file"));
    open.token_file = "somewhere";
    expect_ok(vd_local_check(&open, &why));
}

// covers: AGT-1
VD_TEST(token_that_others_can_read_or_guess_is_refused)
{
    char dir[] = "/tmp/vedette-local-XXXXXX", path[64];
    vd_local_sink sink = { NULL, on_figures, on_status, on_picture, on_score, on_trigger };
    vd_local_config config = { "127.0.0.1", 0, path };
    vd_local *local = NULL;
    vd_why why = { 0 };
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/token", dir);
    expect_ok(vd_file_save(path, 0644, VD_STR("0123456789abcdef0123456789abcdef\n"), NULL));
    expect_err(vd_local_start(&config, &sink, &local, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "chmod 600"));
    expect_ok(vd_file_save(path, 0600, VD_STR("secret\n"), NULL));
    expect_err(vd_local_start(&config, &sink, &local, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "too short"));
    unlink(path);
    rmdir(dir);
}

// covers: RULE-6
VD_TEST(a_signal_for_an_inspection_is_passed_on_for_a_camera_that_is_there)
{
    VD_AUTO(house) h = { 0 };
    house_open(&h, "");
    VD_AUTO(test_answer)
    taken = test_send(h.port, &(test_ask){ .method = "POST", .path = "/trigger?camera=yard" });
    expect_i64(taken.status, 202);
    expect_u64(h.script.triggers, 1);
    VD_AUTO(test_answer)
    nowhere = test_send(h.port, &(test_ask){ .method = "POST", .path = "/trigger?camera=moon" });
    expect_i64(nowhere.status, 404);
    VD_AUTO(test_answer)
    nobody = test_send(h.port, &(test_ask){ .method = "POST", .path = "/trigger" });
    expect_i64(nobody.status, 400);
    assert_non_null(strstr(nobody.body.data, "camera=ID"));
    VD_AUTO(test_answer) looked = test_get(h.port, "/trigger?camera=yard");
    expect_i64(looked.status, 405);
    expect_u64(h.script.triggers, 1);
}

VD_TEST_MAIN(VD_RUN(a_signal_for_an_inspection_is_passed_on_for_a_camera_that_is_there),
             VD_RUN(health_figures_status_page_and_pictures_are_served),
             VD_RUN(scored_picture_is_answered_in_the_ava_shape_or_with_204),
             VD_RUN(annotated_picture_is_a_jpeg_of_the_same_size_with_a_box),
             VD_RUN(what_is_no_picture_or_no_number_is_refused_with_a_reason),
             VD_RUN(raw_picture_is_taken_when_its_size_is_told),
             VD_RUN(more_pictures_than_the_model_can_take_are_told_to_come_back),
             VD_RUN(token_is_made_once_and_opens_all_but_health_and_figures),
             VD_RUN(without_a_token_only_this_machine_is_answered),
             VD_RUN(token_that_others_can_read_or_guess_is_refused))
