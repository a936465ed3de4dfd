#include "clip.h"

#include <libavcodec/codec_id.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "vd/test.h"

#define STEP_US 100000

/* Key frames far larger than any buffer, until the disk refuses. */
static vd_err fill(vd_clip *clip, vd_packet packet, vd_why *why)
{
    for (int i = 0; i < 100; i++) {
        vd_err err = vd_clip_write(clip, &packet, why);
        if (err) {
            vd_clip_drop(clip);
            return err;
        }
        packet.pts_us = packet.dts_us += STEP_US;
    }
    return vd_clip_close(clip, why);
}

// covers: EVT-1
VD_TEST(a_clip_that_the_disk_cannot_hold_is_refused_and_removed)
{
    static uint8_t bytes[90000];
    char dir[] = "/tmp/vedette-clip-XXXXXX", path[64];
    expect_true(mkdtemp(dir) != NULL);
    if (mount("none", dir, "tmpfs", 0, "size=512k") != 0) {
        rmdir(dir);
        skip(); /* needs the right to mount */
    }
    snprintf(path, sizeof path, "%s/clip.mp4", dir);
    const vd_stream_info stream = {
        .serial = 1, .codec_id = AV_CODEC_ID_MJPEG, .width_px = 64, .height_px = 64, .fps = 10
    };
    const vd_packet first = { .stream = &stream, .key = true, .data = { bytes, sizeof bytes } };
    vd_clip *clip = NULL;
    vd_why why = { 0 };
    vd_err opened = vd_clip_open(path, &first, &clip, &why);
    vd_err filled = opened ? opened : fill(clip, first, &why);
    bool is_left = access(path, F_OK) == 0;
    umount(dir);
    rmdir(dir);
    expect_err(opened, VD_OK);
    expect_err(filled, VD_FULL);
    expect_true(strstr(why.detail, "No space") != NULL);
    expect_false(is_left);
}

VD_TEST_MAIN(VD_RUN(a_clip_that_the_disk_cannot_hold_is_refused_and_removed))
