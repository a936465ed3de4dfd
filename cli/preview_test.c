/* A chain shown on a picture. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frames.h"
#include "vd/file.h"
#include "vd/test.h"

enum { WIDTH = 320, HEIGHT = 160 };

static char folder[] = "/tmp/vedette-preview-XXXXXX";

/* The last line of what it says is in `said`. */
static int preview(const char *chain, char *said, size_t room)
{
    char command[1024];

    snprintf(command, sizeof command,
             "%s/cli/vedette preview %s/in.jpg --chain '%s' --out %s/out.jpg --width 320 2>&1",
             getenv("VEDETTE_BUILD_ROOT"), folder, chain, folder);
    FILE *from = popen(command, "r"); /* NOLINT(cert-env33-c): a test's own words */
    size_t len = fread(said, 1, room - 1, from);
    said[len] = 0;
    return WEXITSTATUS(pclose(from));
}

static vd_frame *load(const char *name)
{
    char path[128];
    VD_AUTO(vd_buf) bytes = VD_BUF(1 << 24);
    vd_frame *frame = NULL;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    expect_ok(vd_file_load(path, &bytes, NULL));
    expect_ok(vd_frame_from_jpeg(vd_buf_slice(&bytes), &frame, NULL));
    return frame;
}

/* White above, black below. */
static void save_picture(void)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    const vd_picture p = { .width_px = WIDTH,
                           .height_px = HEIGHT,
                           .plane = { luma, chroma, chroma },
                           .stride = { WIDTH, WIDTH / 2, WIDTH / 2 },
                           .full_range = true };
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    vd_frame *frame = NULL;
    char path[128];

    assert_non_null(mkdtemp(folder));
    memset(luma, 250, sizeof luma / 2);
    memset(chroma, 128, sizeof chroma);
    expect_ok(vd_frame_copy(&p, &frame));
    expect_ok(vd_frame_jpeg(frame, 0, 95, &jpeg, NULL));
    snprintf(path, sizeof path, "%s/in.jpg", folder);
    expect_ok(vd_file_save(path, 0600, vd_buf_slice(&jpeg), NULL));
    vd_frame_unref(frame);
}

static int luma_at(const vd_frame *frame, int x, int y)
{
    const vd_picture *p = vd_frame_picture(frame);

    return p->plane[0][y * p->stride[0] + x];
}

// covers: PRE-1
VD_TEST(preview_shows_before_and_after_side_by_side)
{
    char said[4096];

    save_picture();
    expect_i64(preview("[{rotate: 180}]", said, sizeof said), 0);
    assert_non_null(strstr(said, "{rotate: 180}"));
    vd_frame *frame = load("out.jpg");
    expect_i64(vd_frame_picture(frame)->width_px, 640);
    expect_i64(vd_frame_picture(frame)->height_px, 160);
    expect_true(luma_at(frame, 100, 20) > 230 && luma_at(frame, 100, 140) < 30);
    expect_true(luma_at(frame, 500, 20) < 30 && luma_at(frame, 500, 140) > 230);
    vd_frame_unref(frame);
    expect_true(preview("[{rotat: 180}]", said, sizeof said) != 0);
    assert_non_null(strstr(said, "did you mean 'rotate'?"));
    snprintf(said, sizeof said, "%s/in.jpg", folder);
    unlink(said);
    snprintf(said, sizeof said, "%s/out.jpg", folder);
    unlink(said);
    rmdir(folder);
}

VD_TEST_MAIN(VD_RUN(preview_shows_before_and_after_side_by_side))
