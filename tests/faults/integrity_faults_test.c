/* What is wrong with a camera itself, on command, is told as one finding; footage tells none. */
#include "integrity.h"
#include "sim_test_priv.h"

static char folder[] = "/tmp/vedette-integrity-XXXXXX";
static char film[64], cache[64];

typedef struct {
    watcher watch;
    vd_integrity *integrity;
    unsigned begun[VD_INTEGRITY_KINDS], ended[VD_INTEGRITY_KINDS], pictures;
} scene;

/* On the camera's reader, as all of this: the test only waits. */
static void on_fact(void *ctx, const vd_fact *fact, vd_frame *frame, const vd_vocabulary *words)
{
    scene *on = ctx;
    pthread_mutex_lock(&on->watch.lock);
    unsigned *count = fact->phase == VD_FACT_BEGIN ? on->begun : on->ended;
    count[fact->track.class_id]++;
    on->pictures += frame != NULL;
    print_message("# %s %s\n", fact->phase == VD_FACT_BEGIN ? "begins" : "ends",
                  vd_vocabulary_name(words, fact->track.class_id));
    pthread_cond_broadcast(&on->watch.changed);
    pthread_mutex_unlock(&on->watch.lock);
}

static void on_packet(void *ctx, const vd_packet *packet)
{
    scene *on = ctx;
    saw_packet(&on->watch, packet);
    vd_integrity_packet(on->integrity, packet);
    vd_integrity_tick(on->integrity);
}

static void on_picture(void *ctx, const vd_picture *picture)
{
    scene *on = ctx;
    vd_frame *frame = NULL;
    pthread_mutex_lock(&on->watch.lock); /* until the camera is known */
    on->watch.pictures++;
    vd_camera *camera = on->watch.camera;
    pthread_cond_broadcast(&on->watch.changed);
    pthread_mutex_unlock(&on->watch.lock);
    if (vd_frame_take(camera, picture, &frame)) return;
    vd_integrity_picture(on->integrity, frame);
    vd_integrity_tick(on->integrity);
    vd_frame_unref(frame);
}

static void on_status(void *ctx, const vd_camera_status *status)
{
    scene *on = ctx;
    saw_status(&on->watch, status);
}

static void scene_open(scene *on, const vd_camera_config *camera, int64_t after_ms)
{
    const vd_integrity_config config = { .after_ms = after_ms, .relearn_ms = 3600000 };
    const vd_integrity_sink facts = { .ctx = on, .fact = on_fact };
    const vd_camera_sink sink = {
        .ctx = on, .packet = on_packet, .picture = on_picture, .status = on_status
    };
    memset(on, 0, sizeof *on);
    expect_ok(vd_integrity_new(&config, &facts, &on->integrity));
    watch_start_with(&on->watch, camera, &sink);
}

static void scene_close(scene *on)
{
    vd_camera_stop(on->watch.camera);
    vd_camera_join(on->watch.camera);
    vd_integrity_finish(on->integrity);
    on->integrity = vd_integrity_free(on->integrity);
    watch_stop(&on->watch);
}

static bool has_begun(const watcher *watch, int64_t kind)
{
    return ((const scene *)(const void *)watch)->begun[kind] == 1; /* its first member */
}

static bool has_ended(const watcher *watch, int64_t kind)
{
    return ((const scene *)(const void *)watch)->ended[kind] == 1;
}

static unsigned begun_in_all(const scene *on)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < VD_INTEGRITY_KINDS; i++) sum += on->begun[i];
    return sum;
}

/* covers: CAM-6 */
VD_TEST(each_fault_of_the_simulator_begins_and_ends_one_finding)
{
    static const struct {
        const char *fault;
        vd_integrity_kind kind;
    } faults[] = { { "fault yard black", VD_INTEGRITY_BLACK },
                   { "fault yard blurred", VD_INTEGRITY_BLURRED },
                   { "fault yard frozen", VD_INTEGRITY_FROZEN },
                   { "fault yard wrong-clock", VD_INTEGRITY_CLOCK } };
    sim server;
    scene on;
    sim_start(&server, film, 0, cache, NULL);
    vd_camera_config config = sim_camera_config(&server);
    scene_open(&on, &config, 1500);
    expect_true(watch_for(&on.watch, pictures_are, 80));
    for (unsigned i = 0; i < VD_COUNT_OF(faults); i++) {
        sim_say(&server, faults[i].fault);
        bool begun = watch_for(&on.watch, has_begun, faults[i].kind);
        if (!begun) print_error("'%s' is not told\n", faults[i].fault);
        expect_true(begun);
        sim_say(&server, "fault yard none");
        expect_true(watch_for(&on.watch, has_ended, faults[i].kind));
    }
    scene_close(&on);
    expect_u64(begun_in_all(&on), VD_COUNT_OF(faults));
    expect_u64(on.pictures, VD_COUNT_OF(faults));
    sim_stop(&server);
}

/* Plays the file, whose pictures are all looked at; says what began. */
static void play(const char *path, scene *on)
{
    const vd_camera_config config = { .id = "yard",
                                      .kind = VD_CAMERA_FILE,
                                      .url = path,
                                      .pace = VD_PACE_FAST,
                                      .decode = VD_DECODE_ALL };
    scene_open(on, &config, 2000);
    expect_true(watch_for(&on->watch, state_is, VD_CAMERA_ENDED));
    print_message("# %s: %llu pictures\n", path, (unsigned long long)on->watch.pictures);
    scene_close(on);
    expect_true(on->watch.pictures > 40);
}

static void expect_quiet(const char *path)
{
    scene on;
    play(path, &on);
    expect_u64(begun_in_all(&on), 0);
}

/* covers: CAM-6 */
VD_TEST(footage_of_people_raises_nothing)
{
    static const char *const kit_films[] = { "bottle-detection.mp4", "classroom.mp4",
                                             "one-by-one-person-detection.mp4" };
    char source[256], path[64];
    const char *kit = getenv("VEDETTE_KIT");
    expect_quiet("/usr/share/doc/opencv-doc/examples/data/vtest.avi");
    for (unsigned i = 0; kit && i < VD_COUNT_OF(kit_films); i++) {
        snprintf(source, sizeof source, "movie=%s/video/%s", kit, kit_films[i]);
        snprintf(path, sizeof path, "%s/kit-%u.mp4", folder, i);
        expect_true(make_video(path, source, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"));
        expect_quiet(path);
    }
}

/* covers: CAM-6 */
VD_TEST(night_and_rain_on_the_same_footage_raise_nothing)
{
    char path[64];
    snprintf(path, sizeof path, "%s/night.mp4", folder);
    expect_true(make_video(path, "movie=/usr/share/doc/opencv-doc/examples/data/vtest.avi",
                           "-t 24 -vf eq=brightness=-0.25:contrast=0.6,noise=alls=24:allf=t "
                           "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"));
    expect_quiet(path);
}

/* What infrared makes of footage: grey, other contrasts (some turned round), a lamp's own light, a
 * sensor's noise. */
static const char *const infrared[] = {
    "hue=s=0,eq=gamma=0.6:contrast=0.8,vignette=PI/3,noise=c0s=20:c0f=t",
    "hue=s=0,curves=all=0/0.55 0.35/0.25 0.6/0.45 1/0.9,vignette=PI/3,noise=c0s=20:c0f=t",
    "hue=s=0,negate,vignette=PI/3.5,noise=c0s=16:c0f=t",
};
#define VIEW   "crop=iw*0.8:ih*0.8:0:0,scale=640:360"
#define TURNED "crop=iw*0.8:ih*0.8:iw*0.15:ih*0.1,scale=640:360"

/* Six seconds by day, then six by night, then four by day again. */
static bool make_evening(const char *path, const char *source, const char *night, const char *view)
{
    VD_AUTO(vd_buf) graph = VD_BUF(8192);
    return vd_buf_addf(&graph,
                       "movie=%s:loop=0,setpts=N/10/TB,fps=10,split=3[a][b][c];"
                       "[a]" VIEW ",trim=end=6,setpts=PTS-STARTPTS[d];"
                       "[b]%s,%s,trim=start=6:end=12,setpts=PTS-STARTPTS[n];"
                       "[c]" VIEW ",trim=start=12:end=16,setpts=PTS-STARTPTS[m];"
                       "[d][n][m]concat=n=3",
                       source, view, night) &&
           make_video(path, graph.data, "-t 16 -c:v libx264 -preset ultrafast -pix_fmt yuv420p");
}

static void evenings(const char *source, unsigned number, unsigned count)
{
    char path[64];
    scene on;
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/evening-%u-%u.mp4", folder, number, i);
        expect_true(make_evening(path, source, infrared[i], VIEW));
        expect_quiet(path);
    }
    snprintf(path, sizeof path, "%s/turned-%u.mp4", folder, number);
    expect_true(make_evening(path, source, infrared[1], TURNED));
    play(path, &on);
    expect_u64(on.begun[VD_INTEGRITY_MOVED], 1);
    expect_u64(on.ended[VD_INTEGRITY_MOVED], 1); /* it is turned back by day */
    expect_u64(begun_in_all(&on), 1);
}

/* covers: CAM-6 */
VD_TEST(infrared_is_no_move_and_a_move_by_infrared_is_one)
{
    static const char *const kit_films[] = { "bottle-detection.mp4",
                                             "one-by-one-person-detection.mp4" };
    char source[256];
    const char *kit = getenv("VEDETTE_KIT");
    evenings("/usr/share/doc/opencv-doc/examples/data/vtest.avi", 0, VD_COUNT_OF(infrared));
    for (unsigned i = 0; kit && i < VD_COUNT_OF(kit_films); i++) {
        snprintf(source, sizeof source, "%s/video/%s", kit, kit_films[i]);
        evenings(source, i + 1, 1);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    return make_video(film, "movie=/usr/share/doc/opencv-doc/examples/data/vtest.avi",
                      "-t 12 -vf scale=384:288 -c:v libx264 -preset ultrafast -pix_fmt yuv420p")
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    char shell[] = "rm", flag[] = "-rf";
    char *arguments[] = { shell, flag, folder, NULL };
    (void)state;
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_of_the_simulator_begins_and_ends_one_finding),
        cmocka_unit_test(footage_of_people_raises_nothing),
        cmocka_unit_test(night_and_rain_on_the_same_footage_raise_nothing),
        cmocka_unit_test(infrared_is_no_move_and_a_move_by_infrared_is_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
