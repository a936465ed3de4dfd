/* A camera child that was taken over by what it read says anything. The agent must not follow. */
#include <sys/socket.h>
#include <sys/wait.h>

#include "camera_test_priv.h"
#include "camera_wire_priv.h"

static const char *liar(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/agent/camera/liar_child_test", getenv("VEDETTE_BUILD_ROOT"));
    return path;
}

static vd_camera_status status_after(const char *lie, uint64_t *ret_pictures)
{
    char url[64];
    watcher watch;
    vd_camera_status status;
    snprintf(url, sizeof url, "rtsp://liar/%s", lie);
    const vd_camera_config config = {
        .id = "liar", .kind = VD_CAMERA_RTSP, .url = url, .child_path = liar()
    };
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, state_is, VD_CAMERA_FAILED));
    vd_camera_get_status(watch.camera, &status);
    watch_stop(&watch);
    *ret_pictures = watch.pictures;
    return status;
}

static void expect_found_out(const char *lie, uint64_t pictures_before)
{
    uint64_t pictures = 0;
    const vd_camera_status status = status_after(lie, &pictures);
    if (!strstr(status.why.fact, "broke its protocol"))
        print_error("'%s' gave '%s'\n", lie, status.why.fact);
    expect_true(strstr(status.why.fact, "broke its protocol") != NULL);
    expect_u64(pictures, pictures_before);
}

/* covers: CAM-1 */
VD_TEST(a_message_of_no_known_form_ends_the_child)
{
    static const char *const lies[] = { "short",        "version", "length",      "type",
                                        "agents-type",  "long",    "counts-fall", "why-open",
                                        "why-not-text", "gate" };
    for (size_t i = 0; i < VD_COUNT_OF(lies); i++) expect_found_out(lies[i], 0);
}

/* covers: CAM-1 */
VD_TEST(a_packet_that_does_not_add_up_ends_the_child)
{
    static const char *const lies[] = { "extradata",          "packet-before-stream",
                                        "packet-too-much",    "packet-too-long",
                                        "packet-over-packet", "more-without-packet" };
    for (size_t i = 0; i < VD_COUNT_OF(lies); i++) expect_found_out(lies[i], 0);
}

/* covers: CAM-1 */
VD_TEST(a_picture_outside_its_memory_ends_the_child)
{
    static const char *const lies[] = {
        "picture-map",      "picture-slot",   "picture-stride", "picture-short-stride",
        "picture-negative", "picture-offset", "picture-size",   "picture-huge",
        "picture-time",     "picture-when",   "map-nothing",    "map-huge",
        "map-uneven"
    };
    for (size_t i = 0; i < VD_COUNT_OF(lies); i++) expect_found_out(lies[i], 0);
}

VD_TEST(a_picture_of_the_liar_that_fits_is_shown)
{
    char url[] = "rtsp://liar/picture-true";
    watcher watch;
    const vd_camera_config config = {
        .id = "liar", .kind = VD_CAMERA_RTSP, .url = url, .child_path = liar()
    };
    watch_start(&watch, &config);
    expect_true(watch_for(&watch, pictures_are, 1));
    watch_stop(&watch);
}

/* The agent stays as it was while a package puts another child into its place. */
VD_TEST(a_child_of_another_version_says_so_and_the_agent_how_to_mend_it)
{
    const char *real = getenv("VEDETTE_CAMERA_CHILD");
    wire_config old = { .head = WIRE_HEAD(WIRE_CONFIG, sizeof old) };
    int pair[2], status = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    old.head.version = WIRE_VERSION - 1;
    assert_int_equal(send(pair[0], &old, sizeof old, 0), sizeof old);
    const pid_t pid = fork();
    if (pid == 0) {
        if (real && dup2(pair[1], WIRE_FD) == WIRE_FD) execl(real, real, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    expect_i64(WEXITSTATUS(status), WIRE_STRANGER);
    close(pair[0]);
    close(pair[1]);

    uint64_t pictures = 0;
    const vd_camera_status told = status_after("stranger", &pictures);
    expect_true(strstr(told.why.fact, "another version") != NULL);
    expect_true(strstr(told.why.hint, "restart") != NULL);
}

static bool noted;

static void note_it(void *ctx, vd_camera_topic about, const vd_why *note)
{
    (void)ctx;
    noted = about == VD_NOTE_DECODING && strstr(note->fact, "'vaapi'") != NULL &&
            strstr(note->hint, "software") != NULL;
}

/* covers: CAM-5 */
VD_TEST(a_process_that_dies_with_its_hardware_decoder_goes_on_in_software)
{
    char url[] = "rtsp://liar/hardware";
    watcher watch;
    const vd_camera_config config = {
        .id = "liar", .kind = VD_CAMERA_RTSP, .url = url, .child_path = liar(), .hwaccel = "auto"
    };
    const vd_camera_sink sink = {
        .ctx = &watch, .picture = saw_picture, .status = saw_status, .note = note_it
    };
    watch_start_with(&watch, &config, &sink);
    expect_true(watch_for(&watch, pictures_are, 1));
    watch_stop(&watch);
    expect_true(noted);
}

static bool holds_one(const watcher *watch, int64_t count)
{
    return watch->held_count >= (unsigned)count && watch->status.state == VD_CAMERA_FAILED;
}

VD_TEST(a_slot_that_is_lent_cannot_be_shown_again)
{
    char url[] = "rtsp://liar/picture-twice";
    watcher watch;
    const vd_camera_config config = {
        .id = "liar", .kind = VD_CAMERA_RTSP, .url = url, .child_path = liar()
    };
    watch_start(&watch, &config);
    pthread_mutex_lock(&watch.lock);
    watch.hold = true;
    pthread_mutex_unlock(&watch.lock);
    expect_true(watch_for(&watch, holds_one, 1));
    expect_true(strstr(watch.status.why.fact, "broke its protocol") != NULL);
    watch_stop(&watch);
}

/* covers: CAM-1 */
VD_TEST(a_child_that_says_nothing_at_all_is_hung)
{
    uint64_t pictures = 0;
    const vd_camera_status status = status_after("nothing", &pictures);
    expect_true(strstr(status.why.fact, "hung") != NULL);
}

VD_TEST_MAIN(VD_RUN(a_message_of_no_known_form_ends_the_child),
             VD_RUN(a_packet_that_does_not_add_up_ends_the_child),
             VD_RUN(a_picture_outside_its_memory_ends_the_child),
             VD_RUN(a_picture_of_the_liar_that_fits_is_shown),
             VD_RUN(a_slot_that_is_lent_cannot_be_shown_again),
             VD_RUN(a_child_of_another_version_says_so_and_the_agent_how_to_mend_it),
             VD_RUN(a_process_that_dies_with_its_hardware_decoder_goes_on_in_software),
             VD_RUN(a_child_that_says_nothing_at_all_is_hung))
