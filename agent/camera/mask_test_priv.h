/* mask_test_priv.h - what a camera lets out, its pictures and its packets decoded again, compared
 * with the same camera's pictures without masks. Include once per test program. */
#ifndef VD_MASK_TEST_PRIV_H
#define VD_MASK_TEST_PRIV_H
#include <libavcodec/avcodec.h>
#include <math.h>

#include "camera_test_priv.h"

#define REEL_MAX    64
#define SIDE_MAX    512
#define LUMA        16 /* of a mask */
#define CHROMA      128
#define NEAR_PX     8  /* a mask's margin and what an encoder smears ends here */
#define SMEARED_MAX 24 /* so much of what lies beside a mask an encoder carries into it */

/* A triangle, and a window at the picture's edge. */
static const vd_mask test_masks[] = {
    { 3, { { 0.1f, 0.2f }, { 0.45f, 0.3f }, { 0.2f, 0.8f } } },
    { 4, { { 0.6f, 0.5f }, { 1, 0.5f }, { 1, 0.9f }, { 0.6f, 0.9f } } },
};

typedef struct {
    int64_t pts_us;
    int width, height;
    uint8_t *plane[3]; /* without gaps */
} reel_picture;

typedef struct {
    reel_picture picture[REEL_MAX];
    unsigned count;
} reel;

typedef struct {
    watcher base; /* of watch_stop and watch_for */
    reel pictures, packets;
    AVCodecContext *decoder;
    uint32_t serial;
    unsigned streams, keys, dts_fell;
    bool first_is_key;
    int64_t last_dts_us;
    size_t extradata_bytes;
} viewer;

static inline int plane_width(int width, int plane)
{
    return plane ? (width + 1) / 2 : width;
}

static inline void reel_add(reel *into, int64_t pts_us, int width, int height,
                            const uint8_t *const plane[3], const int stride[3])
{
    assert_true(into->count < REEL_MAX);
    reel_picture *picture = &into->picture[into->count++];
    *picture = (reel_picture){ .pts_us = pts_us, .width = width, .height = height };
    for (int i = 0; i < 3; i++) {
        const int across = plane_width(width, i), down = plane_width(height, i);
        picture->plane[i] = malloc((size_t)across * (size_t)down);
        assert_non_null(picture->plane[i]);
        for (int y = 0; y < down; y++)
            memcpy(picture->plane[i] + (ptrdiff_t)y * across, plane[i] + (ptrdiff_t)y * stride[i],
                   (size_t)across);
    }
}

static inline void reel_clear(reel *r)
{
    for (unsigned i = 0; i < r->count; i++)
        for (int plane = 0; plane < 3; plane++) free(r->picture[i].plane[plane]);
    r->count = 0;
}

static inline void take_decoded(viewer *v)
{
    AVFrame *frame = av_frame_alloc();
    while (v->decoder && avcodec_receive_frame(v->decoder, frame) >= 0) {
        const uint8_t *const planes[3] = { frame->data[0], frame->data[1], frame->data[2] };
        expect_true(frame->format == AV_PIX_FMT_YUV420P || frame->format == AV_PIX_FMT_YUVJ420P);
        reel_add(&v->packets, frame->pts, frame->width, frame->height, planes, frame->linesize);
        av_frame_unref(frame);
    }
    av_frame_free(&frame);
}

static inline void decoder_renew(viewer *v, const vd_stream_info *stream)
{
    if (v->decoder) {
        (void)avcodec_send_packet(v->decoder, NULL);
        take_decoded(v);
        avcodec_free_context(&v->decoder);
    }
    if (!stream) return;
    const AVCodec *kind = avcodec_find_decoder((enum AVCodecID)stream->codec_id);
    v->decoder = avcodec_alloc_context3(kind);
    v->decoder->thread_count = 1;
    v->decoder->extradata = av_mallocz(stream->extradata.len + AV_INPUT_BUFFER_PADDING_SIZE);
    v->decoder->extradata_size = (int)stream->extradata.len;
    if (stream->extradata.len)
        memcpy(v->decoder->extradata, stream->extradata.data, stream->extradata.len);
    assert_int_equal(avcodec_open2(v->decoder, kind, NULL), 0);
}

static inline void view_packet(void *ctx, const vd_packet *packet)
{
    viewer *v = ctx;
    AVPacket *copy = av_packet_alloc();
    pthread_mutex_lock(&v->base.lock);
    if (packet->stream->serial != v->serial) {
        decoder_renew(v, packet->stream);
        v->serial = packet->stream->serial;
        v->extradata_bytes = packet->stream->extradata.len;
        v->streams++;
        if (v->streams == 1) v->first_is_key = packet->key;
    } else if (packet->dts_us <= v->last_dts_us) {
        v->dts_fell++;
    }
    v->last_dts_us = packet->dts_us;
    v->keys += packet->key;
    memcpy(v->base.codec, packet->stream->codec, sizeof v->base.codec);
    if (v->packets.count < REEL_MAX - 1) {
        assert_int_equal(av_new_packet(copy, (int)packet->data.len), 0);
        memcpy(copy->data, packet->data.data, packet->data.len);
        copy->pts = packet->pts_us;
        copy->dts = packet->dts_us;
        expect_i64(avcodec_send_packet(v->decoder, copy), 0);
        take_decoded(v);
    }
    v->base.packets++;
    av_packet_free(&copy);
    pthread_cond_broadcast(&v->base.changed);
    pthread_mutex_unlock(&v->base.lock);
}

static inline void view_picture(void *ctx, const vd_picture *picture)
{
    viewer *v = ctx;
    pthread_mutex_lock(&v->base.lock);
    if (v->pictures.count < REEL_MAX)
        reel_add(&v->pictures, picture->pts_us, picture->width_px, picture->height_px,
                 picture->plane, picture->stride);
    v->base.pictures++;
    pthread_cond_broadcast(&v->base.changed);
    vd_camera *camera = v->base.camera;
    pthread_mutex_unlock(&v->base.lock);
    vd_camera_give_back(camera, picture);
}

/* What is not encoded is as the camera sends it, which is tested elsewhere. */
static inline void viewer_start(viewer *v, const vd_camera_config *config)
{
    const vd_camera_sink sink = { .ctx = v,
                                  .packet =
                                      config->mask_count || config->encode ? view_packet : NULL,
                                  .picture = view_picture,
                                  .status = saw_status };
    memset(v, 0, sizeof *v);
    watch_start_with(&v->base, config, &sink);
}

static inline void viewer_stop(viewer *v)
{
    watch_stop(&v->base);
    decoder_renew(v, NULL);
}

static inline void viewer_clear(viewer *v)
{
    reel_clear(&v->pictures);
    reel_clear(&v->packets);
}

/* ---- what is where ---- */

static inline bool in_polygon(const vd_mask *mask, double x, double y)
{
    bool inside = false;
    for (unsigned i = 0, j = mask->count - 1; i < mask->count; j = i++) {
        const double xi = (double)mask->corner[i][0], yi = (double)mask->corner[i][1];
        const double xj = (double)mask->corner[j][0], yj = (double)mask->corner[j][1];
        if ((yi > y) != (yj > y) && x < xi + (y - yi) / (yj - yi) * (xj - xi)) inside = !inside;
    }
    return inside;
}

static inline bool in_masks(double x, double y)
{
    for (size_t i = 0; i < VD_COUNT_OF(test_masks); i++)
        if (in_polygon(&test_masks[i], x, y)) return true;
    return false;
}

typedef enum { OUTSIDE, NEAR, INSIDE } place;

/* Of the pixel's middle, in a plane of that size. */
static inline place place_of(int x, int y, int across, int down, int near_px)
{
    const double u = x + 0.5, v = y + 0.5;
    if (in_masks(u / across, v / down)) return INSIDE;
    for (int dy = -near_px; dy <= near_px; dy += 2)
        for (int dx = -near_px; dx <= near_px; dx += 2)
            if (in_masks((u + dx) / across, (v + dy) / down)) return NEAR;
    return OUTSIDE;
}

/* place_of() of all pixels of a plane, as long as the size stays. */
static inline const uint8_t *places_of(int across, int down, int plane)
{
    static struct {
        int across, down;
        uint8_t at[SIDE_MAX * SIDE_MAX];
    } known[2];
    const int which = plane > 0;
    uint8_t *at = known[which].at;
    if (known[which].across == across && known[which].down == down) return at;
    assert_true(across <= SIDE_MAX && down <= SIDE_MAX);
    for (int i = 0; i < across * down; i++)
        at[i] =
            (uint8_t)place_of(i % across, i / across, across, down, plane ? NEAR_PX / 2 : NEAR_PX);
    known[which].across = across;
    known[which].down = down;
    return at;
}

typedef struct {
    unsigned inside;     /* pixels */
    int worst_inside;    /* difference to the mask's own colour */
    int worst_outside;   /* difference to the other picture */
    double psnr_outside; /* likewise */
} comparison;

/* `luma` is the mask's own colour. */
static inline comparison compare_as(const reel_picture *seen, const reel_picture *plain, int luma)
{
    comparison found = { 0 };
    double sum = 0, count = 0;
    for (int i = 0; i < 3; i++) {
        const int across = plane_width(seen->width, i), down = plane_width(seen->height, i);
        const int other = plane_width(plain->width, i);
        const uint8_t *places = places_of(across, down, i);
        for (int y = 0; y < down; y++) {
            for (int x = 0; x < across; x++) {
                const int value = seen->plane[i][y * across + x];
                const place at = (place)places[y * across + x];
                if (at == INSIDE) {
                    const int off = abs(value - (i ? CHROMA : luma));
                    found.inside++;
                    if (off > found.worst_inside) found.worst_inside = off;
                } else if (at == OUTSIDE) {
                    const int off = abs(value - plain->plane[i][y * other + x]);
                    if (off > found.worst_outside) found.worst_outside = off;
                    sum += off * off;
                    count++;
                }
            }
        }
    }
    found.psnr_outside = sum > 0 ? 10 * log10(255.0 * 255.0 * count / sum) : 100;
    return found;
}

static inline comparison compare(const reel_picture *seen, const reel_picture *plain)
{
    return compare_as(seen, plain, LUMA);
}

/* How far what is under the masks is from their colour. */
static inline int worst_inside(const reel_picture *seen, int luma)
{
    return compare_as(seen, seen, luma).worst_inside;
}
#endif
