/* Pictures of an RTSP camera are handed out when they are whole, and are the camera's bytes. */
#include "rtsp_peer_priv.h"

#define FILM   125
#define BEFORE 70  /* pictures after which a camera is known */
#define AGAIN  118 /* and after which it is known again */

static char folder[] = "/tmp/vedette-early-XXXXXX";
static peer_film plain, slices, hevc, reordered;

typedef struct {
    watcher watch; /* first: the callbacks of camera_test_priv.h know it as this */
    film_unit got[FILM_MAX + 64];
    size_t count;
    rtsp_peer peer;
} scene;

static void keep_packet(void *ctx, const vd_packet *packet)
{
    scene *self = ctx;
    pthread_mutex_lock(&self->watch.lock);
    if (self->count < VD_COUNT_OF(self->got)) {
        film_unit *unit = &self->got[self->count++];
        *unit = (film_unit){ .data = malloc(packet->data.len + 1),
                             .bytes = packet->data.len,
                             .pts = packet->pts_us,
                             .key = packet->key };
        memcpy(unit->data, packet->data.data, packet->data.len);
    }
    pthread_mutex_unlock(&self->watch.lock);
    saw_packet(ctx, packet);
}

static void scene_open(scene *self, const peer_film *film)
{
    const vd_camera_sink sink = {
        .ctx = self, .packet = keep_packet, .picture = saw_picture, .status = saw_status
    };
    memset(self, 0, sizeof *self);
    peer_open(&self->peer, film);
    const vd_camera_config config = {
        .id = "yard-1", .kind = VD_CAMERA_RTSP, .url = self->peer.url, .patience_ms = 30000
    };
    watch_start_with(&self->watch, &config, &sink);
    peer_accept(&self->peer);
}

static void scene_close(scene *self)
{
    watch_stop(&self->watch);
    peer_close(&self->peer);
    for (size_t i = 0; i < self->count; i++) free(self->got[i].data);
}

static bool have_packets(const watcher *watch, int64_t count)
{
    return watch->packets >= (uint64_t)count;
}

static void show(scene *self, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) peer_show(&self->peer, i);
}

/* Numbers are given by the decoder; of a burst some pictures are dropped. */
static bool have_number(const watcher *watch, int64_t count)
{
    return watch->packets >= (uint64_t)count && watch->last.number >= (uint64_t)count;
}

/* The camera is known then, and each picture but the last few has been given back. */
static void show_first(scene *self)
{
    show(self, 0, BEFORE);
    expect_true(watch_for(&self->watch, have_packets, BEFORE - 1));
}

/* Each is there, decoded, before a byte of the next is sent. */
static void show_one_by_one(scene *self, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        peer_show(&self->peer, i);
        expect_true(watch_for(&self->watch, have_number, (int64_t)i + 1));
    }
}

/* FFmpeg's H.265 parser counts the first zero of a start code to the picture before. */
static vd_slice bits_of(const film_unit *unit, bool hevc_too)
{
    vd_slice bits = vd_slice_of(unit->data, unit->bytes);
    while (hevc_too && bits.len && bits.data[0] == 0) bits = vd_slice_from(bits, 1);
    while (hevc_too && bits.len && bits.data[bits.len - 1] == 0) bits.len--;
    return bits;
}

static void expect_bits(const scene *self, size_t have, size_t want)
{
    const peer_film *film = self->peer.film;
    const vd_slice got = bits_of(&self->got[have], film->hevc);
    const vd_slice sent = bits_of(&film->unit[want], film->hevc);
    if (got.len != sent.len) print_error("packet %zu\n", have);
    expect_u64(got.len, sent.len);
    assert_memory_equal(got.data, sent.data, sent.len);
    expect_true(self->got[have].key == film->unit[want].key);
}

static void expect_same(const scene *self, size_t from, size_t to)
{
    const peer_film *film = self->peer.film;
    expect_true(self->count >= to);
    for (size_t i = from; i < to; i++) {
        expect_bits(self, i, i);
        if (film->reordered && i < BEFORE) continue; /* the first ones' order is not known */
        const int64_t ticks = film->unit[i].pts - film->unit[to - 1].pts;
        expect_i64(self->got[i].pts - self->got[to - 1].pts, ticks * 100 / 9); /* no rounding */
    }
}

static void expect_early(const peer_film *film)
{
    static scene self;
    scene_open(&self, film);
    show_first(&self);
    show_one_by_one(&self, BEFORE, film->count);
    expect_same(&self, 0, film->count);
    expect_false(self.watch.time_fell);
    scene_close(&self);
}

/* covers: CAM-1 */
VD_TEST(a_picture_is_there_before_the_next_begins)
{
    expect_early(&plain);
}

/* covers: CAM-1 */
VD_TEST(a_picture_of_many_slices_is_there_before_the_next_begins)
{
    expect_early(&slices);
}

/* covers: CAM-1 */
VD_TEST(a_picture_of_h265_is_there_before_the_next_begins)
{
    expect_early(&hevc);
}

VD_TEST(reports_between_pictures_hold_nothing_up)
{
    static scene self;
    scene_open(&self, &plain);
    show_first(&self);
    for (size_t i = BEFORE; i < plain.count; i++) {
        peer_report(&self.peer, i);
        show_one_by_one(&self, i, i + 1);
    }
    expect_i64(self.watch.last.time_source, VD_TIME_RTCP);
    expect_same(&self, 0, plain.count);
    scene_close(&self);
}

/* An answer of RTSP hides the mark behind it: that picture waits, and only that one. */
VD_TEST(an_answer_between_pictures_delays_one)
{
    static const char answer[] = "RTSP/1.0 200 OK\r\nCSeq: 99\r\nSession: 1\r\n\r\n";
    static scene self;
    scene_open(&self, &plain);
    show_first(&self);
    peer_send(&self.peer, answer, strlen(answer));
    show(&self, BEFORE, BEFORE + 1);
    show_one_by_one(&self, BEFORE + 1, plain.count);
    expect_same(&self, 0, plain.count);
    scene_close(&self);
}

/* The last one stays where it is: nothing says that it is whole. */
static void expect_exact(const peer_film *film, bool mark_each, bool mark_never)
{
    static scene self;
    scene_open(&self, film);
    self.peer.mark_each = mark_each;
    self.peer.mark_never = mark_never;
    show(&self, 0, film->count);
    expect_true(watch_for(&self.watch, have_packets, (int64_t)film->count - 1));
    expect_same(&self, 0, film->count - 1);
    expect_u64(self.count, film->count - 1);
    scene_close(&self);
}

/* covers: CAM-1 */
VD_TEST(a_camera_that_marks_each_slice_is_not_believed)
{
    expect_exact(&slices, true, false);
}

/* covers: CAM-1 */
VD_TEST(a_camera_that_marks_nothing_gives_all_its_pictures)
{
    expect_exact(&plain, false, true);
}

/* covers: CAM-1 */
VD_TEST(pictures_out_of_order_keep_their_bytes_and_times)
{
    expect_exact(&reordered, false, false);
}

/* One picture comes in two packets, and no byte is lost. Then the camera is not believed for a
 * while, and believed again when it has been right for long enough. */
VD_TEST(a_camera_that_begins_to_mark_slices_costs_one_picture)
{
    static scene self;
    scene_open(&self, &slices);
    show_first(&self);
    self.peer.mark_each = true;
    show(&self, BEFORE, BEFORE + 5);
    self.peer.mark_each = false;
    show(&self, BEFORE + 5, AGAIN);
    for (size_t i = AGAIN; i < slices.count; i++) {
        peer_show(&self.peer, i);
        expect_true(watch_for(&self.watch, have_packets, (int64_t)i + 2));
    }
    expect_same(&self, 0, BEFORE);
    const film_unit *got = self.got + BEFORE, *sent = slices.unit + BEFORE;
    expect_u64(got[0].bytes + got[1].bytes, sent->bytes);
    assert_memory_equal(got[0].data, sent->data, got[0].bytes);
    assert_memory_equal(got[1].data, sent->data + got[0].bytes, got[1].bytes);
    for (size_t i = BEFORE + 1; i < slices.count; i++) expect_bits(&self, i + 1, i);
    scene_close(&self);
}

/* covers: CAM-1 */
VD_TEST(a_lost_packet_costs_its_own_picture_only)
{
    static scene self;
    scene_open(&self, &plain);
    show_first(&self);
    self.peer.lose_last = true;
    show(&self, BEFORE, BEFORE + 1);
    self.peer.lose_last = false;
    show(&self, BEFORE + 1, BEFORE + 4);
    self.peer.lose_first = true;
    show(&self, BEFORE + 4, BEFORE + 5);
    self.peer.lose_first = false;
    for (size_t i = BEFORE + 5; i < plain.count; i++) {
        peer_show(&self.peer, i);
        expect_true(watch_for(&self.watch, have_packets, (int64_t)i + 1));
    }
    expect_same(&self, 0, BEFORE);
    expect_same(&self, BEFORE + 1, BEFORE + 4);
    expect_same(&self, BEFORE + 5, plain.count);
    expect_true(self.got[BEFORE].bytes < plain.unit[BEFORE].bytes);
    scene_close(&self);
}

static bool make_film(peer_film *into, const char *name, const char *encoder)
{
    char path[128], args[512];
    snprintf(path, sizeof path, "%s/%s.mp4", folder, name);
    snprintf(args, sizeof args, "-pix_fmt yuv420p -g 20 %s", encoder);
    if (!make_video(path, "testsrc2=size=320x240:rate=25:duration=5", args)) return false;
    film_open(into, path);
    return into->count == FILM;
}

static int prepare(void **state)
{
    (void)state;
    const bool made =
        mkdtemp(folder) &&
        make_film(&plain, "plain", "-c:v libx264 -preset ultrafast -bf 0 -crf 20") &&
        make_film(&slices, "slices", "-c:v libx264 -preset ultrafast -bf 0 -crf 20 -slices 4") &&
        make_film(&hevc, "hevc",
                  "-c:v libx265 -preset ultrafast -x265-params bframes=0:log-level=none") &&
        make_film(&reordered, "reordered", "-c:v libx264 -preset veryfast -bf 2 -b_strategy 0");
    return made ? 0 : -1;
}

static int tidy(void **state)
{
    (void)state;
    char shell[] = "rm", flag[] = "-rf";
    char *arguments[] = { shell, flag, folder, NULL };
    peer_film *const films[] = { &plain, &slices, &hevc, &reordered };
    for (size_t i = 0; i < VD_COUNT_OF(films); i++) film_close(films[i]);
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_picture_is_there_before_the_next_begins),
        VD_RUN(a_picture_of_many_slices_is_there_before_the_next_begins),
        VD_RUN(a_picture_of_h265_is_there_before_the_next_begins),
        VD_RUN(reports_between_pictures_hold_nothing_up),
        VD_RUN(an_answer_between_pictures_delays_one),
        VD_RUN(a_camera_that_marks_each_slice_is_not_believed),
        VD_RUN(a_camera_that_marks_nothing_gives_all_its_pictures),
        VD_RUN(pictures_out_of_order_keep_their_bytes_and_times),
        VD_RUN(a_camera_that_begins_to_mark_slices_costs_one_picture),
        VD_RUN(a_lost_packet_costs_its_own_picture_only),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}
