/* Pictures as decoders hand them out, hardware ones fetched into memory among them: what is under a
 * mask is gone before anybody else has the picture, and nothing but pixels comes along. */
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "child_priv.h"
#include "vd/test.h"

#define WIDTH  322
#define HEIGHT 181

static const wire_config one_mask = {
    .mask_count = 1,
    .mask = { { 4, { { 0.25f, 0.25f }, { 0.75f, 0.3f }, { 0.6f, 1 }, { 0, 0.9f } } } }
};

/* Every sample differs from a mask's. */
static AVFrame *noise_of(enum AVPixelFormat format, int width, int height)
{
    AVFrame *frame = av_frame_alloc();
    uint32_t dice = 1;
    frame->format = format;
    frame->width = width;
    frame->height = height;
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);
    for (int plane = 0; plane < AV_NUM_DATA_POINTERS && frame->buf[plane]; plane++)
        for (size_t i = 0; i < (size_t)frame->buf[plane]->size; i++) {
            dice = dice * 1664525 + 1013904223;
            frame->buf[plane]->data[i] = (uint8_t)(dice >> 24);
        }
    if (av_pix_fmt_desc_get(format)->comp[0].depth == 10)
        for (int plane = 0; plane < AV_NUM_DATA_POINTERS && frame->buf[plane]; plane++)
            for (size_t i = 1; i < (size_t)frame->buf[plane]->size; i += 2)
                frame->buf[plane]->data[i] &= 3;
    return frame;
}

static bool inside(const wire_config *config, double x, double y)
{
    bool in = false;
    const uint32_t count = config->mask[0].count;
    for (uint32_t i = 0, j = count - 1; i < count; j = i++) {
        const double xi = (double)config->mask[0].corner[i][0];
        const double yi = (double)config->mask[0].corner[i][1];
        const double xj = (double)config->mask[0].corner[j][0];
        const double yj = (double)config->mask[0].corner[j][1];
        if ((yi > y) != (yj > y) && x < xi + (y - yi) / (yj - yi) * (xj - xi)) in = !in;
    }
    return in;
}

typedef struct {
    unsigned inside, painted, outside_painted;
} tally;

/* By pixel: all of those inside are painted, and few more. */
static tally count_painted(const wire_config *config, const AVFrame *picture, const AVFrame *plain)
{
    tally found = { 0 };
    for (int y = 0; y < picture->height; y++) {
        for (int x = 0; x < picture->width; x++) {
            bool painted = true, same = true;
            for (int i = 0; i < 3; i++) {
                const ptrdiff_t px = i ? x / 2 : x, py = i ? y / 2 : y;
                const uint8_t value = picture->data[i][py * picture->linesize[i] + px];
                painted = painted && value == (i ? 128 : 16);
                same = same && value == plain->data[i][py * plain->linesize[i] + px];
            }
            const bool in = inside(config, (x + 0.5) / picture->width, (y + 0.5) / picture->height);
            found.inside += in;
            found.painted += in && painted;
            found.outside_painted += !in && painted;
            if (!painted) expect_true(same);
        }
    }
    return found;
}

static void expect_painted(enum AVPixelFormat format, int width, int height)
{
    child_masks masks = { 0 };
    struct SwsContext *sws = NULL;
    AVFrame *frame = noise_of(format, width, height), *picture = NULL;
    AVFrame *plain = noise_of(AV_PIX_FMT_YUV420P, width, height);
    vd_why why = { 0 };
    expect_ok(masks_open(&masks, &one_mask, &why));
    expect_ok(masks_paint(&masks, frame, &picture, &why));
    expect_i64(picture->format, AV_PIX_FMT_YUV420P);
    expect_true(picture_to_i420(&sws, frame, plain->data, plain->linesize));
    const tally found = count_painted(&one_mask, picture, plain);
    expect_true(found.inside > (unsigned)(width * height) / 4);
    expect_u64(found.painted, found.inside);
    expect_true(found.outside_painted < 12 * (unsigned)(width + height));
    masks_done(&masks);
    sws_freeContext(sws);
    av_frame_free(&frame);
    av_frame_free(&plain);
}

// covers: CAM-7
VD_TEST(a_picture_of_any_kind_is_painted)
{
    static const enum AVPixelFormat formats[] = {
        AV_PIX_FMT_YUV420P,     AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV444P,
        AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_NV12,     AV_PIX_FMT_P010LE,   AV_PIX_FMT_YUYV422,
        AV_PIX_FMT_GRAY8,       AV_PIX_FMT_RGB24,    AV_PIX_FMT_BGRA,
    };
    for (size_t i = 0; i < VD_COUNT_OF(formats); i++) {
        expect_painted(formats[i], WIDTH, HEIGHT - 1);
        if (formats[i] != AV_PIX_FMT_YUYV422) /* those are even */
            expect_painted(formats[i], WIDTH - 1, HEIGHT);
    }
}

// covers: CAM-7
VD_TEST(a_mask_thinner_than_a_pixel_is_painted_all_the_same)
{
    static const wire_config thin = {
        .mask_count = 1, .mask = { { 3, { { 0.1f, 0.5f }, { 0.9f, 0.5f }, { 0.9f, 0.5001f } } } }
    };
    child_masks masks = { 0 };
    AVFrame *frame = noise_of(AV_PIX_FMT_YUV420P, WIDTH, HEIGHT), *picture = NULL;
    expect_ok(masks_open(&masks, &thin, NULL));
    expect_ok(masks_paint(&masks, frame, &picture, NULL));
    for (int x = WIDTH / 10; x < WIDTH * 9 / 10; x++)
        expect_i64(picture->data[0][HEIGHT / 2 * picture->linesize[0] + x], 16);
    masks_done(&masks);
    av_frame_free(&frame);
}

// covers: CAM-7
VD_TEST(what_travels_beside_a_picture_stays_behind)
{
    child_masks masks = { 0 };
    AVFrame *frame = noise_of(AV_PIX_FMT_YUVJ420P, WIDTH, HEIGHT), *picture = NULL;
    assert_non_null(av_frame_new_side_data(frame, AV_FRAME_DATA_SEI_UNREGISTERED, 4096));
    av_dict_set(&frame->metadata, "thumbnail", "of all of it", 0);
    frame->best_effort_timestamp = 4711;
    frame->color_range = AVCOL_RANGE_JPEG;
    expect_ok(masks_open(&masks, &one_mask, NULL));
    expect_ok(masks_paint(&masks, frame, &picture, NULL));
    expect_i64(picture->nb_side_data, 0);
    assert_null(picture->metadata);
    expect_i64(picture->pts, 4711);
    expect_i64(picture->color_range, AVCOL_RANGE_JPEG);
    masks_done(&masks);
    av_frame_free(&frame);
}

// covers: CAM-7
VD_TEST(masks_that_make_no_sense_are_not_left_out)
{
    child_masks masks = { 0 };
    vd_why why = { 0 };
    wire_config config = one_mask;
    config.mask_count = WIRE_MASKS_MAX + 1;
    expect_err(masks_open(&masks, &config, &why), VD_INVALID);
    config = one_mask;
    config.mask[0].count = WIRE_CORNERS_MAX + 1;
    expect_err(masks_open(&masks, &config, &why), VD_INVALID);
    config = one_mask;
    config.mask[0].corner[2][1] = -0.1f;
    expect_err(masks_open(&masks, &config, &why), VD_INVALID);
    expect_true(why.fact[0] != 0);
}

VD_TEST_MAIN(VD_RUN(a_picture_of_any_kind_is_painted),
             VD_RUN(a_mask_thinner_than_a_pixel_is_painted_all_the_same),
             VD_RUN(what_travels_beside_a_picture_stays_behind),
             VD_RUN(masks_that_make_no_sense_are_not_left_out))
