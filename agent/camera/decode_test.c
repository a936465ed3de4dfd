/* Decoding only what is needed loses nothing: each film is played with every picture decoded and
 * with the gate, and whoever is in a picture must be seen in the same pictures both times. Who is
 * where is known: from published boxes of a real yard (with the test kit), and from how the film
 * was made. As in the agent, seeing somebody keeps the gate awake. */
#include "camera_test_priv.h"

#include <sys/stat.h>

#define FILM_MAX  4096
#define TRACKS_US 3000000 /* as in the agent */

typedef struct {
    bool busy[FILM_MAX]; /* somebody is in this picture */
    unsigned count;
    double fps;
} label;

typedef struct {
    watcher base; /* of watch_stop and watch_for */
    const label *who;
    bool shown[FILM_MAX];
    int64_t last_us;
    bool disorder;
    unsigned pictures, slept; /* slept: times the gate was seen asleep */
} look_out;

static char folder[] = "/tmp/vedette-decode-XXXXXX";

static void see(void *ctx, const vd_picture *picture)
{
    look_out *out = ctx;
    pthread_mutex_lock(&out->base.lock);
    vd_camera *camera = out->base.camera;
    const unsigned number = (unsigned)((double)picture->pts_us * out->who->fps / 1e6 + 0.5);
    out->disorder = out->disorder || (out->pictures && picture->utc_us <= out->last_us);
    out->last_us = picture->utc_us;
    out->pictures++;
    if (number < FILM_MAX) out->shown[number] = true;
    const bool busy = number < out->who->count && out->who->busy[number];
    pthread_mutex_unlock(&out->base.lock);
    if (busy) vd_camera_awake(camera, picture->utc_us + TRACKS_US);
    vd_camera_give_back(camera, picture);
}

static vd_camera_status play(look_out *out, const char *film, const label *who,
                             vd_camera_decode decode)
{
    vd_camera_status status;
    vd_why why = { 0 };
    const vd_camera_config config = {
        .id = "film", .kind = VD_CAMERA_FILE, .url = film, .pace = VD_PACE_FAST, .decode = decode
    };
    const vd_camera_sink sink = { .ctx = out, .picture = see, .status = saw_status };
    memset(out, 0, sizeof *out);
    pthread_mutex_init(&out->base.lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&out->base.changed, &attributes);
    out->who = who;
    pthread_mutex_lock(&out->base.lock);
    expect_ok(vd_camera_start(&config, &sink, &out->base.camera, &why));
    pthread_mutex_unlock(&out->base.lock);
    expect_true(watch_for(&out->base, state_is, VD_CAMERA_ENDED));
    vd_camera_get_status(out->base.camera, &status);
    watch_stop(&out->base);
    return status;
}

/* Every picture with somebody in it was shown, in order. */
static void expect_nobody_missed(const look_out *out, const label *who)
{
    unsigned missed = 0;
    for (unsigned i = 0; i < who->count; i++) {
        if (!who->busy[i] || out->shown[i]) continue;
        if (!missed++) print_error("the first picture that was missed is number %u\n", i);
    }
    expect_u64(missed, 0);
    expect_false(out->disorder);
}

static void expect_same(const char *film, const label *who, unsigned idle_least_pct)
{
    static look_out all, gated;
    unsigned idle = 0;
    const vd_camera_status full = play(&all, film, who, VD_DECODE_ALL);
    const vd_camera_status some = play(&gated, film, who, VD_DECODE_AUTO);
    expect_u64(all.pictures, who->count);
    expect_nobody_missed(&all, who);
    expect_nobody_missed(&gated, who);
    for (unsigned i = 0; i < who->count; i++) idle += !who->busy[i];
    if (getenv("VEDETTE_TEST_TELL"))
        print_message("%s: %u pictures, %u idle, %llu skipped, %llu decoded\n", film, who->count,
                      idle, (unsigned long long)some.skipped, (unsigned long long)some.decoded);
    expect_u64(full.decoded, who->count);
    expect_u64(full.skipped, 0);
    expect_u64(some.packets, full.packets);
    expect_true(some.skipped * 100 >= (uint64_t)idle * idle_least_pct);
    if (idle_least_pct) expect_true(some.decoded < full.decoded);
}

/* ---- the yard ---- */

/* A part of the yard, and the pictures in which nobody is there. */
typedef struct {
    int width, height, left, top;
    unsigned empty; /* so many pictures from the first on */
} part;

static float least(float a, float b)
{
    return a < b ? a : b;
}

/* At least half of the box is inside. */
static bool inside(const part *p, const float *box)
{
    const float left = -least(-box[0], -(float)p->left), top = -least(-box[1], -(float)p->top);
    const float right = least(box[0] + box[2], (float)(p->left + p->width));
    const float bottom = least(box[1] + box[3], (float)(p->top + p->height));
    return right > left && bottom > top && (right - left) * (bottom - top) >= box[2] * box[3] / 2;
}

#define YARD_PICTURES 400
#define YARD_EMPTY    5 /* rounds of the empty part, then all of it twice */

static bool read_truth(const part *p, label *who)
{
    const char *kit = getenv("VEDETTE_KIT"), *root = getenv("VEDETTE_SOURCE_ROOT");
    const unsigned empty = YARD_EMPTY * p->empty;
    char path[4096];
    int frame, id;
    float box[4];
    snprintf(path, sizeof path, "%s%s/truth/vtest_1-400.mot.txt", kit ? kit : root,
             kit ? "" : "/../shared/kit");
    FILE *file = fopen(path, "r");
    if (!file) return false;
    memset(who, 0, sizeof *who);
    who->fps = 10;
    who->count = empty + 2 * YARD_PICTURES;
    while (fscanf(file, "%d,%d,%f,%f,%f,%f,%*[^\n]", &frame, &id, &box[0], &box[1], &box[2],
                  &box[3]) == 6)
        if (frame >= 1 && frame <= YARD_PICTURES && inside(p, box))
            who->busy[empty + (unsigned)frame - 1] =
                who->busy[empty + YARD_PICTURES + (unsigned)frame - 1] = true;
    fclose(file);
    return true;
}

#define YARD "movie=/usr/share/doc/opencv-doc/examples/data/vtest.avi"

static bool make_yard(const char *into, const part *p, const char *codec)
{
    char source[500], crop[60], args[200];
    snprintf(crop, sizeof crop, "crop=%d:%d:%d:%d", p->width, p->height, p->left, p->top);
    snprintf(source, sizeof source,
             YARD ",trim=end_frame=%u,%s,loop=%d:%u,setpts=N/(10*TB)[a];" YARD
                  ",trim=end_frame=%d,%s,loop=1:%d,setpts=N/(10*TB)[b];[a][b]concat",
             p->empty, crop, YARD_EMPTY - 1, p->empty, YARD_PICTURES, crop, YARD_PICTURES);
    snprintf(args, sizeof args, "-r 10 -pix_fmt yuv420p %s", codec);
    return make_video(into, source, args);
}

static void expect_yard(const part *p, const char *codec, unsigned idle_least_pct)
{
    static label who;
    char film[64];
    if (!read_truth(p, &who)) skip();
    snprintf(film, sizeof film, "%s/yard.mp4", folder);
    assert_true(make_yard(film, p, codec));
    expect_same(film, &who, idle_least_pct);
    unlink(film);
}

static const part lawn = { 256, 192, 0, 96, 170 };

/* covers: CAM-5 */
VD_TEST(who_walks_through_a_real_yard_is_in_the_same_pictures)
{
    expect_yard(&lawn, "-c:v libx264 -preset veryfast -g 20 -bf 0", 15);
    /* The camera holds its rate: sizes hardly tell, so it may stay awake. Reordered pictures. */
    expect_yard(&lawn,
                "-c:v libx264 -preset veryfast -g 20 -bf 2 -b:v 300k -maxrate 300k "
                "-bufsize 300k",
                0);
}

/* ---- a quiet corridor, made: grain all over, and three times something small in it ---- */

#define QUIET_FPS 15
#define QUIET_S   50
static const double passes[][2] = { { 20, 21.5 }, { 27.2, 27.7 }, { 35.3, 38 } };

static void know_passes(label *who)
{
    memset(who, 0, sizeof *who);
    who->fps = QUIET_FPS;
    who->count = QUIET_FPS * QUIET_S;
    for (unsigned i = 0; i < who->count; i++)
        for (size_t k = 0; k < VD_COUNT_OF(passes); k++)
            if (i / who->fps >= passes[k][0] && i / who->fps < passes[k][1]) who->busy[i] = true;
}

static bool make_quiet(const char *into, int grain, const char *codec)
{
    char source[500], args[200];
    snprintf(source, sizeof source,
             "testsrc2=s=320x240:r=%d:d=0.05,loop=-1:1,trim=duration=%d,setpts=N/(%d*TB)[a];"
             "color=c=black:s=20x44:r=%d:d=%d[b];[a][b]overlay=x=40+60*mod(t\\,3):y=120:"
             "enable=between(t\\,20\\,21.49)+between(t\\,27.2\\,27.69)+between(t\\,35.3\\,37.99),"
             "noise=alls=%d:allf=t",
             QUIET_FPS, QUIET_S, QUIET_FPS, QUIET_FPS, QUIET_S, grain);
    snprintf(args, sizeof args, "-r %d -pix_fmt yuv420p %s", QUIET_FPS, codec);
    return make_video(into, source, args);
}

static void expect_quiet(int grain, const char *codec, unsigned idle_least_pct)
{
    static label who;
    char film[64];
    know_passes(&who);
    snprintf(film, sizeof film, "%s/quiet.mp4", folder);
    assert_true(make_quiet(film, grain, codec));
    expect_same(film, &who, idle_least_pct);
    unlink(film);
}

/* covers: CAM-5 */
VD_TEST(what_passes_between_two_key_pictures_is_in_the_same_pictures)
{
    expect_quiet(4, "-c:v libx264 -preset veryfast -g 30 -bf 0", 30);
    expect_quiet(2, "-c:v libx264 -preset veryfast -g 45 -bf 2", 15);
    expect_quiet(2, "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=30", 15);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(what_passes_between_two_key_pictures_is_in_the_same_pictures),
        VD_RUN(who_walks_through_a_real_yard_is_in_the_same_pictures),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
