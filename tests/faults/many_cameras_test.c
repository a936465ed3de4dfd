/* One agent and sixteen cameras, of which five misbehave at once, each in its own way. What is
 * asked of the other eleven is counted in their own media time: a slow machine is no fault of
 * theirs. */
#include <ftw.h>

#include "agent_priv.h"
#include "events_priv.h"
#include "sim_test_priv.h"
#include "vd/file.h"

#define FPS       10
#define HEALTHY   11
#define CAMERAS   16
#define WINDOW_US (6 * INT64_C(1000000))
#define WAIT_US   (60 * INT64_C(1000000))

static char folder[] = "/tmp/vedette-many-XXXXXX";
static char film[64], wide_film[64], cache[64], yaml_path[64];

typedef struct {
    sim good, turning, refusing; /* eleven and three; the one that changes its size; the last one */
    agent *a;
    agent_config config;
} house;

/* What has come of a camera so far. */
typedef struct {
    uint64_t packets, pictures, dropped, restarts;
    int64_t pts_us; /* of the newest packet */
} mark;

static lane *lane_of(house *h, const char *id)
{
    lane *l = agent_lane(h->a, id);
    if (!l) fail_msg("there is no camera '%s'", id);
    lane_let_go(l); /* nobody lets it leave meanwhile */
    return l;
}

static vd_camera_status status_of(house *h, const char *id)
{
    vd_camera_status status;
    lane_status(lane_of(h, id), &status);
    return status;
}

/* The ring that clips are cut from holds the last packets with their times. */
static int64_t newest_pts(house *h, const char *id)
{
    vd_event_camera *camera = lane_of(h, id)->events;
    pthread_mutex_lock(&camera->lock);
    const packet_line *line = &camera->ring.line;
    const int64_t pts_us = line->count ? packet_line_at(line, line->count - 1)->pts_us : 0;
    pthread_mutex_unlock(&camera->lock);
    return pts_us;
}

/* Packets after `from_us`, up to `until_us`. */
static unsigned packets_between(house *h, const char *id, int64_t from_us, int64_t until_us)
{
    vd_event_camera *camera = lane_of(h, id)->events;
    unsigned count = 0;
    pthread_mutex_lock(&camera->lock);
    for (size_t i = 0; i < camera->ring.line.count; i++) {
        const int64_t pts_us = packet_line_at(&camera->ring.line, i)->pts_us;
        count += pts_us > from_us && pts_us <= until_us;
    }
    pthread_mutex_unlock(&camera->lock);
    return count;
}

static mark mark_of(house *h, const char *id)
{
    const vd_camera_status s = status_of(h, id);
    return (mark){ s.packets, s.pictures, s.dropped, s.restarts, newest_pts(h, id) };
}

typedef bool (*house_fn)(house *h, const char *id, int64_t arg);

static bool wait_for(house *h, const char *id, house_fn seen, int64_t arg)
{
    const struct timespec pause = { .tv_nsec = 20000000 };
    const int64_t until_us = vd_clock_mono_us() + WAIT_US;
    while (!seen(h, id, arg) && vd_clock_mono_us() < until_us) nanosleep(&pause, NULL);
    if (seen(h, id, arg)) return true;
    const vd_camera_status s = status_of(h, id);
    print_error("camera '%s' is %s: %s %s\n", id, vd_camera_state_name(s.state), s.why.fact,
                s.why.detail);
    return false;
}

static bool has_pictures(house *h, const char *id, int64_t count)
{
    return status_of(h, id).pictures >= (uint64_t)count;
}

static bool is_in(house *h, const char *id, int64_t state)
{
    return status_of(h, id).state == (vd_camera_state)state;
}

static bool has_width(house *h, const char *id, int64_t width)
{
    return status_of(h, id).width_px == (int)width;
}

static bool has_come_to(house *h, const char *id, int64_t pts_us)
{
    return newest_pts(h, id) >= pts_us;
}

static void add_camera(vd_buf *yaml, const char *id, const sim *server, const char *name)
{
    assert_true(vd_buf_addf(yaml, "- {id: %s, template: yard, with: {port: %d, name: %s}}\n", id,
                            server->port, name));
}

/* One description for all sixteen. */
static void write_yaml(house *h)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    char id[16];
    assert_true(vd_buf_addf(
        &yaml,
        "state_dir: %s/state\nmodel: {path: /nowhere.onnx}\n"
        "evidence: {pre_roll: 60s}\ntemplates:\n  yard:\n    parameters: {port: , name: }\n"
        "    decode: all\n    url: 'rtsp://127.0.0.1:${port}/${name}'\ncameras:\n",
        folder));
    for (unsigned i = 0; i < HEALTHY; i++) {
        snprintf(id, sizeof id, "good-%u", i);
        add_camera(&yaml, id, &h->good, i ? id : "yard");
    }
    add_camera(&yaml, "stall", &h->good, "stall");
    add_camera(&yaml, "garbage", &h->good, "garbage");
    add_camera(&yaml, "loss", &h->good, "loss");
    add_camera(&yaml, "turning", &h->turning, "yard");
    add_camera(&yaml, "refusing", &h->refusing, "yard");
    expect_ok(vd_file_save(yaml_path, 0640, vd_buf_slice(&yaml), NULL));
}

static void start_sims(house *h)
{
    static const char *const bad[] = { "stall", "garbage", "loss" };
    char names[HEALTHY + 3][96];
    const char *more[HEALTHY + 3] = { NULL };
    for (unsigned i = 1; i < HEALTHY + 3; i++) {
        if (i < HEALTHY)
            snprintf(names[i], sizeof names[i], "good-%u=%s", i, film);
        else
            snprintf(names[i], sizeof names[i], "%s=%s", bad[i - HEALTHY], film);
        more[i - 1] = names[i];
    }
    sim_start(&h->good, film, 0, cache, more);
    sim_start(&h->turning, film, 0, cache, NULL);
    sim_start(&h->refusing, film, 0, cache, NULL);
}

static void house_open(house *h)
{
    vd_why why = { 0 };
    *h = (house){ .a = calloc(1, sizeof *h->a) };
    start_sims(h);
    write_yaml(h);
    expect_ok(agent_config_load(yaml_path, &h->config, NULL));
    expect_u64(h->config.camera_count, CAMERAS);
    if (agent_start(h->a, &h->config, &why)) fail_msg("%s: %s", why.fact, why.detail);
    for (unsigned i = 0; i < CAMERAS; i++)
        expect_true(wait_for(h, h->config.camera[i].id, has_pictures, 5));
}

static void house_close(house *h)
{
    agent_stop(h->a);
    free(h->a);
    agent_config_done(&h->config);
    sim_stop(&h->good);
    sim_stop(&h->turning);
    sim_stop(&h->refusing);
}

static void expect_steady(house *h, const char *id, const mark *before)
{
    const int64_t until_us = before->pts_us + WINDOW_US;
    expect_true(wait_for(h, id, has_come_to, until_us));
    const mark now = mark_of(h, id);
    const double due = (double)WINDOW_US / 1e6 * FPS;
    const unsigned packets = packets_between(h, id, before->pts_us, until_us);
    const double pictures = (double)(now.pictures - before->pictures);
    const double arrived = (double)(now.packets - before->packets);
    if (packets < due * 0.95 || packets > due * 1.05 || pictures < arrived * 0.95 - 1 ||
        now.dropped != before->dropped || now.restarts != before->restarts)
        fail_msg("camera '%s': %u packets of %.0f, %.0f pictures of %.0f packets, %llu dropped, "
                 "%llu restarts",
                 id, packets, due, pictures, arrived,
                 (unsigned long long)(now.dropped - before->dropped),
                 (unsigned long long)(now.restarts - before->restarts));
}

/* covers: CAM-1, CAM-2, CAM-4 */
VD_TEST(eleven_cameras_keep_their_rate_while_five_misbehave_each_in_its_way)
{
    static house h;
    mark before[HEALTHY];
    house_open(&h);

    sim_say(&h.good, "fault stall stall");
    sim_say(&h.good, "fault garbage garbage");
    sim_say(&h.good, "fault loss loss");
    sim_stop(&h.refusing);
    const int port = h.turning.port;
    sim_stop(&h.turning);
    for (unsigned i = 0; i < HEALTHY; i++) before[i] = mark_of(&h, h.config.camera[i].id);
    sim_start(&h.turning, wide_film, port, cache, NULL);
    const mark lossy = mark_of(&h, "loss");

    for (unsigned i = 0; i < HEALTHY; i++) expect_steady(&h, h.config.camera[i].id, &before[i]);

    /* And the five really were as they were asked to be. */
    expect_true(wait_for(&h, "stall", is_in, VD_CAMERA_SILENT));
    expect_true(wait_for(&h, "refusing", is_in, VD_CAMERA_FAILED));
    expect_true(wait_for(&h, "turning", has_width, 240));
    expect_true(wait_for(&h, "turning", is_in, VD_CAMERA_LIVE));
    const mark now = mark_of(&h, "loss");
    expect_true((now.packets - lossy.packets) * 2 < WINDOW_US / 1000000 * FPS);

    sim_say(&h.good, "fault stall none");
    sim_say(&h.good, "fault garbage none");
    sim_say(&h.good, "fault loss none");
    for (unsigned i = HEALTHY; i < CAMERAS - 1; i++)
        expect_true(wait_for(&h, h.config.camera[i].id, is_in, VD_CAMERA_LIVE));
    house_close(&h);
}

/* Ends the camera's process whenever there is one, until it was started again that often. */
static void crash_loop(house *h, const char *id, uint64_t restarts)
{
    const struct timespec pause = { .tv_nsec = 5000000 };
    const int64_t until_us = vd_clock_mono_us() + WAIT_US;
    while (status_of(h, id).restarts < restarts && vd_clock_mono_us() < until_us) {
        const int pid = vd_camera_child_pid(lane_of(h, id)->camera);
        if (pid > 0) kill(pid, SIGSEGV);
        nanosleep(&pause, NULL);
    }
    expect_true(status_of(h, id).restarts >= restarts);
}

/* covers: CAM-1 */
VD_TEST(a_decoder_that_dies_again_and_again_disturbs_no_other)
{
    static house h;
    vd_why why = { 0 };
    h = (house){ .a = calloc(1, sizeof *h.a) };
    sim_start(&h.good, film, 0, cache, NULL);
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    assert_true(vd_buf_addf(&yaml,
                            "state_dir: %s/state\nmodel: {path: /nowhere.onnx}\ncameras:\n"
                            "- {id: good, url: '%s'}\n- {id: dying, file: '%s'}\n",
                            folder, h.good.url, film));
    expect_ok(vd_file_save(yaml_path, 0640, vd_buf_slice(&yaml), NULL));
    expect_ok(agent_config_load(yaml_path, &h.config, NULL));
    if (agent_start(h.a, &h.config, &why)) fail_msg("%s: %s", why.fact, why.detail);
    expect_true(wait_for(&h, "good", has_pictures, 5));
    expect_true(wait_for(&h, "dying", has_pictures, 1));
    const mark before = mark_of(&h, "good");

    crash_loop(&h, "dying", 3);
    const int64_t until_us = newest_pts(&h, "good");
    const double due = (double)(until_us - before.pts_us) / 1e6 * FPS;
    const unsigned packets = packets_between(&h, "good", before.pts_us, until_us);
    expect_true(due > FPS && packets >= due * 0.95 && packets <= due * 1.05 + 1);
    expect_u64(mark_of(&h, "good").restarts, 0);
    expect_true(is_in(&h, "dying", VD_CAMERA_FAILED));
    assert_non_null(strstr(status_of(&h, "dying").why.fact, "signal 11"));
    expect_true(wait_for(&h, "dying", is_in, VD_CAMERA_LIVE)); /* and it is never given up */
    agent_stop(h.a);
    free(h.a);
    agent_config_done(&h.config);
    sim_stop(&h.good);
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(wide_film, sizeof wide_film, "%s/wide.mp4", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(yaml_path, sizeof yaml_path, "%s/agent.yaml", folder);
    return make_video(film, "testsrc2=s=160x120:r=10:d=4", "-pix_fmt yuv420p") &&
                   make_video(wide_film, "testsrc2=s=240x136:r=10:d=4", "-pix_fmt yuv420p")
               ? 0
               : -1;
}

static int remove_files(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(eleven_cameras_keep_their_rate_while_five_misbehave_each_in_its_way),
        VD_RUN(a_decoder_that_dies_again_and_again_disturbs_no_other),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
