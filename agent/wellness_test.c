/* How a camera looks when it is well outlives the agent: one that was turned meanwhile is noticed.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"
#include "vd/test.h"

#define W 320
#define H 180

typedef struct {
    char dir[64];
    agent_config config;
    agent *agent;
    lane *lane;
    int64_t now_us;
    uint8_t light[W * H];
} house;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* An agent with one camera begins to run, as after a start. */
static void start(house *h, const char *url, const char *reference)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    assert_true(vd_buf_addf(&yaml,
                            "cameras: [{id: gate, url: %s, integrity: {reference: '%s'}}]\n"
                            "state_dir: %s\nintegrity: {after: 2s}\n",
                            url, reference, h->dir));
    agent_config_done(&h->config);
    expect_ok(agent_config_parse(vd_buf_slice(&yaml), "agent.yaml", &h->config, NULL));
    h->agent = calloc(1, sizeof *h->agent);
    h->lane = calloc(1, sizeof *h->lane);
    assert_true(h->agent && h->lane);
    h->agent->config = &h->config;
    *h->lane = (lane){ .agent = h->agent, .config = &h->config.camera[0] };
    expect_ok(wellness_add(h->lane));
}

static void stop(house *h)
{
    if (h->lane) {
        wellness_leave(h->lane);
        vd_integrity_free(h->lane->integrity);
    }
    free(h->lane);
    free(h->agent);
    h->lane = NULL;
    h->agent = NULL;
}

static void house_done(house *h)
{
    stop(h);
    agent_config_done(&h->config);
    nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(house, house_done)

static house house_new(void)
{
    house h = { .dir = "/tmp/vedette-wellness-XXXXXX", .now_us = 1700000000000000 };
    unsigned dice = 1;
    assert_non_null(mkdtemp(h.dir));
    memset(h.light, 90, sizeof h.light);
    for (unsigned i = 0; i < 150; i++) {
        unsigned at[5];
        for (unsigned k = 0; k < VD_COUNT_OF(at); k++) {
            dice = dice * 1664525u + 1013904223u;
            at[k] = dice >> 16;
        }
        for (unsigned y = at[0] % H; y < at[0] % H + 6 + at[1] % 30 && y < H; y++)
            for (unsigned x = at[2] % W; x < at[2] % W + 6 + at[3] % 40 && x < W; x++)
                h.light[y * W + x] = (uint8_t)(40 + at[4] % 170);
    }
    return h;
}

/* Whether it is told to have moved after eight seconds of the view, turned by so much. */
static bool moved_after(house *h, unsigned turned)
{
    static uint8_t shown[W * H], colour[W / 2 * H / 2];
    memset(colour, 150, sizeof colour);
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned at = 0; at < W * H; at++)
            shown[at] = (uint8_t)(h->light[at / W * W + (at + turned) % W] + at * (i + 7) % 3);
        const vd_picture picture = { .width_px = W,
                                     .height_px = H,
                                     .plane = { shown, colour, colour },
                                     .stride = { W, W / 2, W / 2 },
                                     .full_range = true,
                                     .utc_us = h->now_us += 250000 };
        vd_frame *frame = NULL;
        expect_ok(vd_frame_copy(&picture, &frame));
        vd_integrity_picture(h->lane->integrity, frame);
        vd_frame_unref(frame);
    }
    return vd_integrity_state(h->lane->integrity, VD_INTEGRITY_MOVED, NULL);
}

#define GATE "rtsp://10.0.0.7/main"

/* covers: CAM-6 */
VD_TEST(camera_that_was_turned_while_the_agent_was_off_has_moved)
{
    VD_AUTO(house) h = house_new();
    start(&h, GATE, "");
    expect_false(moved_after(&h, 0));
    stop(&h);
    start(&h, GATE, "");
    expect_false(moved_after(&h, 0));
    stop(&h);
    start(&h, GATE, "");
    expect_true(moved_after(&h, 40));
    stop(&h);
    start(&h, GATE, ""); /* what is in doubt is not kept */
    expect_true(moved_after(&h, 40));
}

/* covers: CAM-6 */
VD_TEST(another_source_or_another_word_has_the_view_learnt_anew)
{
    VD_AUTO(house) h = house_new();
    start(&h, GATE, "");
    expect_false(moved_after(&h, 0));
    stop(&h);
    start(&h, "rtsp://10.0.0.8/main", "");
    expect_false(moved_after(&h, 40));
    stop(&h);
    start(&h, "rtsp://10.0.0.8/main", "turned on purpose");
    expect_false(moved_after(&h, 80));
    stop(&h);
    start(&h, "rtsp://10.0.0.8/main", "turned on purpose");
    expect_true(moved_after(&h, 0));
}

/* covers: CAM-7 */
VD_TEST(other_masks_have_the_view_learnt_anew)
{
    VD_AUTO(house) h = house_new();
    start(&h, GATE, "");
    expect_false(moved_after(&h, 0));
    stop(&h);
    start(&h, GATE ", masks: [{name: m, points: [[0, 0], [1, 0], [1, 0.2]]}]", "");
    expect_false(moved_after(&h, 40));
    stop(&h);
    start(&h, GATE ", masks: [{name: m, points: [[0, 0], [1, 0], [1, 0.2]]}]", "");
    expect_true(moved_after(&h, 0));
}

/* covers: CAM-6 */
VD_TEST(kept_view_that_is_damaged_or_cut_off_is_left_alone)
{
    VD_AUTO(house) h = house_new();
    VD_AUTO(vd_buf) bytes = VD_BUF(VD_INTEGRITY_VIEW_BYTES);
    char path[128];
    start(&h, GATE, "");
    expect_false(moved_after(&h, 0));
    stop(&h);
    snprintf(path, sizeof path, "%s/views/gate.view", h.dir);
    expect_ok(vd_file_load(path, &bytes, NULL));
    for (unsigned i = 0; i < 4; i++) {
        const vd_slice cut = vd_slice_of(bytes.data, bytes.len * i / 4);
        expect_ok(vd_file_save(path, 0640, cut, NULL));
        start(&h, GATE, "");
        expect_false(moved_after(&h, 40));
        vd_integrity_free(h.lane->integrity);
        h.lane->integrity = NULL; /* nothing is kept of this one */
        stop(&h);
    }
    bytes.data[bytes.len / 2] ^= 1;
    expect_ok(vd_file_save(path, 0640, vd_buf_slice(&bytes), NULL));
    start(&h, GATE, "");
    expect_false(moved_after(&h, 40));
}

VD_TEST_MAIN(VD_RUN(camera_that_was_turned_while_the_agent_was_off_has_moved),
             VD_RUN(another_source_or_another_word_has_the_view_learnt_anew),
             VD_RUN(other_masks_have_the_view_learnt_anew),
             VD_RUN(kept_view_that_is_damaged_or_cut_off_is_left_alone))
