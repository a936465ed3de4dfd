/* An agent whose cameras come and go while it runs. Its cameras are small films; it has no model
 * and no hub, whose word comes through the call that the link makes. */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/test.h"

static char folder[] = "/tmp/vedette-live-XXXXXX";
static char film[128], yaml_path[128];
static const char *model = "/nowhere.onnx";

#define HEAD   "state_dir: %s/state\nmodel: {path: %s}\n"
#define PERSON "kind: zone, classes: [person], points: [[0, 0], [1, 0], [1, 1]]"

typedef struct {
    agent *a;
    agent_config config;
    reload file;
} house;

/* Writes the file; every "FILM" becomes the film's path. */
static void write_yaml(const char *rest)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    const char *mark;

    assert_true(vd_buf_addf(&text, HEAD, folder, model));
    for (; (mark = strstr(rest, "FILM")); rest = mark + 4)
        assert_true(vd_buf_addf(&text, "%.*s%s", (int)(mark - rest), rest, film));
    assert_true(vd_buf_add_str(&text, rest));
    expect_ok(vd_file_save(yaml_path, 0640, vd_buf_slice(&text), NULL));
}

static void house_open(house *h, const char *yaml)
{
    vd_why why = { 0 };

    *h = (house){ .a = calloc(1, sizeof *h->a) };
    write_yaml(yaml);
    expect_ok(agent_config_load(yaml_path, &h->config, NULL));
    reload_open(&h->file, h->config.path);
    if (agent_start(h->a, &h->config, &why)) fail_msg("%s: %s", why.fact, why.detail);
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void remove_state(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/state", folder);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void house_close(house *h)
{
    agent_stop(h->a);
    free(h->a);
    reload_done(&h->file);
    agent_config_done(&h->config);
    *h = (house){ .a = NULL };
}

static void house_done(house *h)
{
    if (h->a) house_close(h);
    remove_state();
}
VD_AUTO_DEFINE(house, house_done)

/* The file says something else, and main looks. */
static void change_file(house *h, const char *yaml)
{
    write_yaml(yaml);
    reload_tick(&h->file, h->a);
    live_apply(h->a);
}

static vd_err hub_says(house *h, const char *json, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    const char *mark;

    for (; (mark = strstr(json, "FILM")); json = mark + 4)
        assert_true(vd_buf_addf(&text, "%.*s%s", (int)(mark - json), json, film));
    assert_true(vd_buf_add_str(&text, json));
    vd_err err = live_wish(h->a, vd_buf_slice(&text), why);
    live_apply(h->a);
    return err;
}

/* The process of a camera that is live; waits for its pictures. */
static int child_of(house *h, const char *id)
{
    const struct timespec pause = { .tv_nsec = 5000000 };
    const int64_t until_us = vd_clock_mono_us() + 30 * INT64_C(1000000);
    vd_camera_status status = { .pictures = 0 };
    lane *l = agent_lane(h->a, id);
    int pid = 0;

    if (!l) fail_msg("there is no camera '%s'", id);
    while ((!pid || !status.pictures) && vd_clock_mono_us() < until_us) {
        nanosleep(&pause, NULL);
        lane_status(l, &status);
        pid = l->camera ? vd_camera_child_pid(l->camera) : 0;
    }
    lane_let_go(l);
    if (!status.pictures) fail_msg("camera '%s' shows nothing: %s", id, status.why.fact);
    return pid;
}

/* Their names, in the order of their places. */
static const char *cameras_of(house *h, char into[256])
{
    VD_AUTO(lane_list) all = agent_lanes(h->a);

    into[0] = '\0';
    for (unsigned i = 0, len = 0; i < all.count && len < 200; i++)
        len += (unsigned)snprintf(into + len, 256 - len, "%s ", all.lane[i]->config->id);
    return into;
}

static const char *rules_of(house *h, const char *id, char into[256])
{
    lane *l = agent_lane(h->a, id);

    into[0] = '\0';
    for (unsigned i = 0, len = 0; l && l->rules && i < l->rules->count && len < 200; i++)
        len += (unsigned)snprintf(into + len, 256 - len, "%s ", l->rules->rule[i].id);
    lane_let_go(l);
    return into;
}

static int64_t fps_of(house *h, const char *id)
{
    lane *l = agent_lane(h->a, id);
    int64_t fps = l ? l->config->max_fps : -1;

    lane_let_go(l);
    return fps;
}

static const camera_wish *refusal_of(house *h, const char *id)
{
    const camera_wish *refused;

    (void)live_source(h->a, id, &refused);
    return refused;
}

// covers: CAM-4
VD_TEST(only_what_the_file_changed_starts_again)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}, {id: c, file: FILM}]\n");
    expect_str(cameras_of(&h, text), "a b c ");
    const int a = child_of(&h, "a"), b = child_of(&h, "b"), c = child_of(&h, "c");

    change_file(&h, "cameras:\n"
                    "- {id: d, file: FILM}\n"
                    "- {id: b, file: FILM, max_fps: 5}\n"
                    "- {file: FILM, id: a}\n");
    expect_str(cameras_of(&h, text), "a d b ");
    expect_i64(child_of(&h, "a"), a); /* the same process: nothing of it was touched */
    expect_true(child_of(&h, "b") != b);
    expect_true(child_of(&h, "d") > 0);
    expect_i64(kill(c, 0), -1); /* its process is gone */

    change_file(&h, "cameras: []\n");
    expect_str(cameras_of(&h, text), "");
    change_file(&h, "cameras: [{id: a, file: FILM}]\n");
    expect_true(child_of(&h, "a") > 0);
}

static uint64_t masks_told(house *h, const char *id)
{
    vd_mask masks[VD_MASKS_MAX];
    unsigned count = 0;
    lane *l = agent_lane(h->a, id);

    if (l) expect_ok(config_masks_read(l->config->masks, masks, &count, NULL));
    lane_let_go(l);
    return count;
}

#define DESK "masks: [{name: desk, points: [[0, 0], [0.5, 0], [0.5, 0.5]]}]"

// covers: CAM-7
VD_TEST(other_masks_of_a_camera_start_it_alone_again_and_wrong_ones_leave_those_before)
{
    VD_AUTO(house) h = { .a = NULL };
    vd_why why = { 0 };
    house_open(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}]\n");
    int a = child_of(&h, "a");
    const int b = child_of(&h, "b");

    change_file(&h, "cameras: [{id: a, file: FILM, " DESK "}, {id: b, file: FILM}]\n");
    expect_true(child_of(&h, "a") != a);
    expect_u64(masks_told(&h, "a"), 1);
    a = child_of(&h, "a");
    change_file(&h, "cameras: [{id: a, file: FILM, masks: [{name: desk, points: [[0, 0]]}]},"
                    " {id: b, file: FILM}]\n");
    assert_non_null(refusal_of(&h, "a"));
    expect_u64(masks_told(&h, "a"), 1);
    expect_i64(child_of(&h, "a"), a);

    expect_ok(hub_says(
        &h,
        "{\"cameras\": {\"a\": {\"file\": \"FILM\", \"masks\": [{\"name\": \"x\", \"points\":"
        " [[0, 0], [1, 0], [1, 1]]}, {\"name\": \"y\", \"points\":"
        " [[0, 0], [0.5, 0], [0.5, 1]]}]}}}",
        &why));
    expect_true(child_of(&h, "a") != a);
    expect_u64(masks_told(&h, "a"), 2);
    expect_i64(child_of(&h, "b"), b);
}

// covers: CAM-4
VD_TEST(other_rules_of_a_camera_do_not_start_it_again)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: [{id: a, file: FILM}]\nrules: [{id: all, " PERSON "}]\n");
    const int a = child_of(&h, "a");
    expect_str(rules_of(&h, "a", text), "all ");
    change_file(&h, "cameras: [{id: a, file: FILM, rules: [{id: own, " PERSON "}]}]\n"
                    "rules: [{id: any, " PERSON "}]\n");
    expect_str(rules_of(&h, "a", text), "any own ");
    change_file(&h, "cameras: [{id: a, file: FILM}]\n");
    expect_str(rules_of(&h, "a", text), "");
    expect_i64(child_of(&h, "a"), a);
}

// covers: CAM-4
VD_TEST(a_wrong_entry_is_refused_alone_and_a_wrong_file_whole)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: [{id: a, file: FILM}, {id: b, url: 'ftp://h/p'}]\n");
    expect_str(cameras_of(&h, text), "a ");
    assert_non_null(strstr(refusal_of(&h, "b")->why.detail, "line 3"));
    const int a = child_of(&h, "a");

    change_file(&h, "cameras:\n- {id: a, file: FILM, max_fsp: 3}\n- {id: b, file: FILM}\n");
    expect_str(cameras_of(&h, text), "a b ");
    assert_non_null(strstr(refusal_of(&h, "a")->why.detail, "line 4"));
    assert_non_null(strstr(refusal_of(&h, "a")->why.hint, "max_fps"));
    assert_null(refusal_of(&h, "b"));
    expect_i64(child_of(&h, "a"), a); /* as it was before */

    change_file(&h, "cameras: [\n");
    expect_str(cameras_of(&h, text), "a b ");
    assert_non_null(strstr(h.a->file_why.fact, "not valid YAML"));
    change_file(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}]\n");
    expect_str(h.a->file_why.fact, "");
    assert_null(refusal_of(&h, "a"));
    expect_i64(child_of(&h, "a"), a);
}

// covers: CAM-4
VD_TEST(a_hangup_signal_asks_for_the_file_again)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: []\n");
    reload_install();
    reload_done(&h.file); /* nothing tells of changes any more, as on some network shares */
    change_file(&h, "cameras: [{id: a, file: FILM}]\n");
    expect_str(cameras_of(&h, text), "");
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    reload_tick(&h.file, h.a);
    live_apply(h.a);
    expect_str(cameras_of(&h, text), "a ");
}

// covers: RULE-1
VD_TEST(a_wrong_rule_is_left_out_and_told_and_the_others_of_its_camera_hold)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}]\n"
                   "rules: [{id: all, " PERSON "}]\n");
    const int a = child_of(&h, "a");
    change_file(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}]\n"
                    "rules:\n"
                    "- {id: all, " PERSON "}\n"
                    "- {id: crossed, camera: a, kind: zone, classes: [person],\n"
                    "   points: [[0, 0], [1, 1], [1, 0], [0, 1]]}\n"
                    "- {id: far, camera: nowhere, " PERSON "}\n"
                    "- {id: last, camera: a, " PERSON "}\n");
    expect_str(rules_of(&h, "a", text), "all last ");
    expect_str(rules_of(&h, "b", text), "all ");
    expect_i64(child_of(&h, "a"), a);
    lane *l = agent_lane(h.a, "a");
    pthread_mutex_lock(&h.a->lock);
    const vd_why why = l->rules_why;
    pthread_mutex_unlock(&h.a->lock);
    lane_let_go(l);
    assert_non_null(strstr(why.fact, "cross"));
    assert_non_null(strstr(why.detail, "line 7"));
    assert_non_null(strstr(why.hint, "once around"));
}

static vd_camera_status status_when(house *h, const char *id, vd_camera_state state)
{
    const struct timespec pause = { .tv_nsec = 5000000 };
    const int64_t until_us = vd_clock_mono_us() + 30 * INT64_C(1000000);
    vd_camera_status status;
    lane *l = agent_lane(h->a, id);

    if (!l) fail_msg("there is no camera '%s'", id);
    lane_status(l, &status);
    while ((status.state != state || !status.why.fact[0]) && vd_clock_mono_us() < until_us) {
        nanosleep(&pause, NULL);
        lane_status(l, &status);
    }
    lane_let_go(l);
    expect_i64(status.state, state);
    return status;
}

// covers: CAM-3
VD_TEST(sources_that_give_nothing_say_what_and_how_to_mend_it_and_the_others_go_on)
{
    static const struct {
        const char *id, *hint;
    } wrong[] = {
        { "letters", "pattern" },
        { "absent", "plug it in" },
        { "file", "v4l2-ctl" },
        { "nowhere", "" },
    };
    VD_AUTO(house) h = { .a = NULL };
    char path[128];
    snprintf(path, sizeof path, "%s/state", folder);
    expect_ok(vd_dir_make(path, 0750, NULL));
    snprintf(path, sizeof path, "%s/state/letter.jpg", folder);
    expect_ok(vd_file_save(path, 0640, VD_STR("a letter, not a picture\n"), NULL));
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "cameras:\n- {id: well, file: FILM, loop: true}\n"
             "- {id: letters, folder: %s/state, after: move}\n"
             "- {id: absent, device: /dev/no-such-video}\n"
             "- {id: file, device: FILM}\n"
             "- {id: nowhere, file: /no/such/film.mp4}\n",
             folder);
    house_open(&h, yaml);
    const int well = child_of(&h, "well");
    for (unsigned i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_camera_status status = status_when(&h, wrong[i].id, VD_CAMERA_FAILED);
        assert_true(status.why.detail[0] != '\0');
        assert_non_null(strstr(status.why.hint, wrong[i].hint));
    }
    expect_i64(child_of(&h, "well"), well);
}

// covers: CAM-4
VD_TEST(settings_that_need_a_restart_are_named_and_the_cameras_follow_at_once)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "evidence: {pre_roll: 2s}\nqueue: {quota_mb: 100}\ncameras: []\n");
    change_file(&h, "evidence: {pre_roll: 3s, post_roll: 5s}\nlocal: {port: 8410}\n"
                    "cameras: [{id: a, file: FILM}]\n");
    expect_str(h.a->restart, "evidence.pre_roll, evidence.post_roll, local.port, queue.quota_mb");
    expect_str(cameras_of(&h, text), "a ");
    change_file(&h, "queue: {quota_mb: 100}\nevidence: {pre_roll: 2s}\ncameras: []\n");
    expect_str(h.a->restart, ""); /* as we were started */
}

// covers: CAM-4
VD_TEST(the_hubs_entry_goes_before_the_files_until_it_takes_it_back)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    house_open(&h, "cameras: [{id: a, file: FILM}, {id: b, file: FILM}]\n");
    const int a = child_of(&h, "a"), b = child_of(&h, "b");

    expect_ok(
        hub_says(&h,
                 "{\"templates\": {\"slow\": {\"parameters\": {\"film\": \"\", \"fps\": 4},"
                 " \"file\": \"${film}\", \"max_fps\": \"${fps}\"}},"
                 " \"cameras\": {"
                 "\"b\": {\"template\": \"slow\", \"with\": {\"film\": \"FILM\"}},"
                 "\"c\": {\"template\": \"slow\", \"with\": {\"film\": \"FILM\", \"fps\": 2}},"
                 "\"a\": {\"enabled\": false, \"file\": \"FILM\"}}}",
                 NULL));
    expect_str(cameras_of(&h, text), "b c ");
    expect_true(child_of(&h, "b") != b);
    expect_i64(fps_of(&h, "b"), 4);
    expect_i64(fps_of(&h, "c"), 2);
    expect_i64(kill(a, 0), -1);

    expect_ok(hub_says(&h, "{}", NULL));
    expect_str(cameras_of(&h, text), "a b ");
    expect_true(child_of(&h, "a") > 0);
}

// covers: CAM-4
VD_TEST(a_wrong_entry_of_the_hub_leaves_the_one_before_it_and_the_others)
{
    VD_AUTO(house) h = { .a = NULL };
    char text[256];
    vd_why why = { 0 };
    house_open(&h, "cameras: []\n");
    expect_ok(hub_says(&h, "{\"cameras\": {\"a\": {\"file\": \"FILM\"}}}", NULL));
    const int a = child_of(&h, "a");

    expect_ok(hub_says(&h,
                       "{\"cameras\": {\"a\": {\"file\": \"FILM\", \"url\": \"rtsp://h/p\"},"
                       " \"b\": {\"url\": \"rtsp://me:hunter2@h/p\"},"
                       " \"c\": {\"url\": \"rtsp://h/p\", \"password_file\": \"/etc/shadow\"},"
                       " \"d\": {\"file\": \"FILM\", \"rules\": [{\"id\": \"r\"}]},"
                       " \"e\": {\"file\": \"FILM\"},"
                       " \"f\": {\"folder\": \"/tmp\", \"after\": \"delete\"}}}",
                       NULL));
    expect_str(cameras_of(&h, text), "a e ");
    expect_i64(child_of(&h, "a"), a);
    assert_non_null(strstr(refusal_of(&h, "a")->why.fact, "needs one"));
    assert_null(strstr(refusal_of(&h, "b")->why.fact, "hunter2"));
    assert_non_null(strstr(refusal_of(&h, "c")->why.hint, "secrets"));
    assert_true(refusal_of(&h, "d") != NULL);
    assert_null(refusal_of(&h, "e"));
    assert_non_null(strstr(refusal_of(&h, "f")->why.fact, "moved or deleted"));

    expect_err(hub_says(&h, "{\"cameras\": [\"a\"]}", &why), VD_INVALID);
    expect_str(cameras_of(&h, text), "a e ");
    assert_non_null(strstr(h.a->hub_why.fact, "is an object"));
}

// covers: CAM-4
VD_TEST(what_the_hub_said_last_holds_at_the_next_start_without_it)
{
    static const char hub[] = "HostName=127.0.0.1:1;DeviceId=box;SharedAccessKey=c2VjcmV0\n";
    VD_AUTO(house) h = { .a = NULL };
    char text[256], path[128], yaml[512];
    snprintf(path, sizeof path, "%s/hub", folder);
    expect_ok(vd_file_save(path, 0600, vd_slice_str(hub), NULL));
    snprintf(yaml, sizeof yaml,
             "hub: {connection_string_file: %s}\ncameras: [{id: a, file: FILM}]\n", path);
    house_open(&h, yaml);
    expect_ok(hub_says(&h,
                       "{\"templates\": {\"t\": {\"parameters\": {\"film\": null},"
                       " \"file\": \"${film}\"}}, \"cameras\": {\"a\": {\"file\": \"FILM\","
                       " \"max_fps\": 3}, \"b\": {\"template\": \"t\","
                       " \"with\": {\"film\": \"FILM\"}}}}",
                       NULL));
    expect_ok(hub_says(&h, "{\"cameras\": {\"a\": {\"file\": 7, \"loop\": 1}, \"b\": {}}}", NULL));
    house_close(&h);

    house_open(&h, yaml); /* the entries that held, not those that were refused */
    expect_str(cameras_of(&h, text), "a b ");
    expect_i64(fps_of(&h, "a"), 3);
    expect_true(child_of(&h, "b") > 0);
    expect_ok(hub_says(&h, "{}", NULL));
    house_close(&h);

    house_open(&h, yaml);
    expect_str(cameras_of(&h, text), "a ");
    expect_i64(fps_of(&h, "a"), 0);
}

// covers: CAM-4
VD_TEST(cameras_beyond_the_limit_are_refused_and_the_others_come)
{
    VD_AUTO(house) h = { .a = NULL };
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    char text[256];
    for (unsigned i = 0; i < AGENT_CAMERAS_MAX; i++)
        assert_true(vd_buf_addf(&yaml, "%s{id: f%u, file: /nowhere}", i ? ", " : "cameras: [", i));
    assert_true(vd_buf_add_str(&yaml, "]\n"));
    house_open(&h, "cameras: []\n");
    expect_ok(hub_says(&h, "{\"cameras\": {\"a\": {\"file\": \"FILM\"}}}", NULL));
    change_file(&h, yaml.data);
    expect_u64(agent_camera_count(h.a), AGENT_CAMERAS_MAX);
    assert_non_null(strstr(refusal_of(&h, "f63")->why.fact, "64 cameras already"));
    change_file(&h, "cameras: []\n");
    expect_str(cameras_of(&h, text), "a ");
}

// covers: INF-1
VD_TEST(a_corrupt_model_is_named_and_the_cameras_go_on_without_it)
{
    VD_AUTO(house) h = { .a = NULL };
    VD_AUTO(vd_buf) descriptor = VD_BUF(65536);
    char from[4096], bad[128], yaml[160];
    snprintf(from, sizeof from, "%s/var/models/centernet.model.yaml",
             getenv("VEDETTE_SOURCE_ROOT"));
    if (access(from, R_OK)) skip();
    expect_ok(vd_file_load(from, &descriptor, NULL));
    snprintf(yaml, sizeof yaml, "%s/centernet.model.yaml", folder);
    expect_ok(vd_file_save(yaml, 0640, vd_buf_slice(&descriptor), NULL));
    snprintf(bad, sizeof bad, "%s/centernet.onnx", folder);
    expect_ok(vd_file_save(bad, 0640, VD_STR("no model but these few bytes"), NULL));
    model = bad;
    house_open(&h, "cameras: [{id: a, file: FILM}]\n");
    model = "/nowhere.onnx";
    expect_true(child_of(&h, "a") > 0);
    pthread_mutex_lock(&h.a->lock);
    assert_null(h.a->model);
    assert_non_null(strstr(h.a->model_why.detail, "centernet.onnx"));
    pthread_mutex_unlock(&h.a->lock);
}

static int make_film(void **state)
{
    (void)state;
    char command[512];
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(yaml_path, sizeof yaml_path, "%s/agent.yaml", folder);
    snprintf(command, sizeof command,
             "ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=s=128x96:r=10:d=2 -pix_fmt yuv420p "
             "'%s' </dev/null",
             film);
    return system(command);
}

static int remove_film(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(only_what_the_file_changed_starts_again),
        VD_RUN(other_masks_of_a_camera_start_it_alone_again_and_wrong_ones_leave_those_before),
        VD_RUN(other_rules_of_a_camera_do_not_start_it_again),
        VD_RUN(a_wrong_entry_is_refused_alone_and_a_wrong_file_whole),
        VD_RUN(a_hangup_signal_asks_for_the_file_again),
        VD_RUN(a_wrong_rule_is_left_out_and_told_and_the_others_of_its_camera_hold),
        VD_RUN(sources_that_give_nothing_say_what_and_how_to_mend_it_and_the_others_go_on),
        VD_RUN(settings_that_need_a_restart_are_named_and_the_cameras_follow_at_once),
        VD_RUN(the_hubs_entry_goes_before_the_files_until_it_takes_it_back),
        VD_RUN(a_wrong_entry_of_the_hub_leaves_the_one_before_it_and_the_others),
        VD_RUN(what_the_hub_said_last_holds_at_the_next_start_without_it),
        VD_RUN(cameras_beyond_the_limit_are_refused_and_the_others_come),
        VD_RUN(a_corrupt_model_is_named_and_the_cameras_go_on_without_it),
    };
    return cmocka_run_group_tests(tests, make_film, remove_film);
}
