/* child_decode.c - packets to I420 pictures in shared slots.
 *
 * The decoder draws straight into a slot (get_buffer2) and the slot is lent as it is, without a
 * copy. It may still hold the slot as a reference for later pictures: a slot is free again when
 * neither the decoder nor the agent has it. Two slots are never given to the decoder, so that a
 * picture that it had to draw elsewhere (other pixel format, no slot then) can be copied. Codecs
 * that draw over their last output are not on the list of those that may. */
#include "child_priv.h"
#include "vd/clock.h"

#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#define COPY_SLOTS   2
#define DRAW_TRIES   5
#define DRAW_WAIT_MS 10
#define PLANE_ALIGN  128
#define PLANE_GUARD  128 /* decoders may read or write a little past a plane */
#define PAGE         4096u

typedef struct {
    int stride[3];
    uint32_t offset[3];
    uint64_t bytes;
} slot_plan;

static slot_plan plan_of(int width, int height)
{
    slot_plan plan = { 0 };
    plan.stride[0] = FFALIGN(width, PLANE_ALIGN);
    plan.stride[1] = plan.stride[2] = plan.stride[0] / 2;
    uint64_t at = 0;
    for (int i = 0; i < 3; i++) {
        const int rows = i ? (height + 1) / 2 : height;
        plan.offset[i] = (uint32_t)at;
        at += (uint64_t)plan.stride[i] * (uint64_t)rows + PLANE_GUARD;
    }
    plan.bytes = (at + PAGE - 1) / PAGE * PAGE;
    return plan;
}

/* The plan for what the decoder itself wants: coded size, whole macroblocks. */
static slot_plan plan_coded(AVCodecContext *codec, int width, int height)
{
    int align[AV_NUM_DATA_POINTERS];
    avcodec_align_dimensions2(codec, &width, &height, align);
    return plan_of(width, height);
}

static bool plain(int format)
{
    return format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P;
}

static bool may_share(enum AVCodecID id)
{
    static const enum AVCodecID ids[] = {
        AV_CODEC_ID_H264,       AV_CODEC_ID_HEVC,       AV_CODEC_ID_MJPEG,     AV_CODEC_ID_MPEG4,
        AV_CODEC_ID_MSMPEG4V1,  AV_CODEC_ID_MSMPEG4V2,  AV_CODEC_ID_MSMPEG4V3, AV_CODEC_ID_H263,
        AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO,
    };
    for (size_t i = 0; i < VD_COUNT_OF(ids); i++)
        if (ids[i] == id) return true;
    return false;
}

static void let_go(void *arg, uint8_t *data)
{
    child_map *map = arg;
    map_slot_release(map, (int)((uint64_t)(data - map->base) / map->slot_bytes));
}

/* A slot to draw into. In a hurry for all pictures a short wait is cheaper than a copy later. */
static int draw_slot(const child_decoder *decoder)
{
    child_map *map = decoder->link->map;
    int slot = map_slot_free(map, COPY_SLOTS);
    if (decoder->config->pace != VD_PACE_FAST) return slot;
    for (int tries = 0; slot < 0 && map->lent && tries < DRAW_TRIES; tries++) {
        link_poll(decoder->link, DRAW_WAIT_MS);
        slot = map_slot_free(map, COPY_SLOTS);
    }
    return slot;
}

static int get_buffer(AVCodecContext *codec, AVFrame *frame, int flags)
{
    const child_decoder *decoder = codec->opaque;
    if (!plain(frame->format) || !may_share(codec->codec_id) || frame->width > WIRE_SIDE_MAX ||
        frame->height > WIRE_SIDE_MAX)
        return avcodec_default_get_buffer2(codec, frame, flags);
    const slot_plan plan = plan_coded(codec, frame->width, frame->height);
    link_map(decoder->link, plan.bytes);
    child_map *map = decoder->link->map;
    const int slot = draw_slot(decoder);
    if (slot < 0) return avcodec_default_get_buffer2(codec, frame, flags);
    uint8_t *base = map_slot(map, slot);
    frame->buf[0] = av_buffer_create(base, map->slot_bytes, let_go, map, 0);
    if (!frame->buf[0]) return AVERROR(ENOMEM);
    map->held |= 1u << slot;
    for (int i = 0; i < 3; i++) {
        frame->data[i] = base + plan.offset[i];
        frame->linesize[i] = plan.stride[i];
    }
    frame->extended_data = frame->data;
    return 0;
}

vd_err decoder_open(child_decoder *decoder, const AVCodecParameters *parameters, vd_why *why)
{
    const AVCodec *kind = avcodec_find_decoder(parameters->codec_id);
    if (kind) decoder->codec = avcodec_alloc_context3(kind);
    decoder->frame = av_frame_alloc();
    if (!kind)
        return vd_fail(why, VD_INVALID, "the stream's codec '%s' cannot be decoded",
                       avcodec_get_name(parameters->codec_id));
    if (!decoder->codec || !decoder->frame) return vd_fail(why, VD_FULL, "no memory to decode");
    int error = avcodec_parameters_to_context(decoder->codec, parameters);
    decoder->codec->thread_count = 1; /* many cameras share few cores; one each is fair */
    decoder->codec->opaque = decoder;
    decoder->codec->pkt_timebase = (AVRational){ 1, 1000000 };
    if (kind->capabilities & AV_CODEC_CAP_DR1) decoder->codec->get_buffer2 = get_buffer;
    if (error >= 0) error = avcodec_open2(decoder->codec, kind, NULL);
    if (error < 0)
        return vd_fail(why, VD_INVALID, "the decoder for '%s' does not start", kind->name);
    return VD_OK;
}

/* Drops what max_fps has no room for; an eighth of a step early still counts as due. */
static bool is_due(child_decoder *decoder, int64_t pts_us)
{
    if (!decoder->config->max_fps) return true;
    const int64_t step_us = 1000000 / decoder->config->max_fps;
    if (decoder->have_due && pts_us < decoder->due_us - step_us / 8 &&
        pts_us > decoder->due_us - 4 * step_us)
        return false;
    if (!decoder->have_due || pts_us > decoder->due_us + step_us ||
        pts_us < decoder->due_us - step_us)
        decoder->due_us = pts_us;
    decoder->due_us += step_us;
    decoder->have_due = true;
    return true;
}

/* A slot for a copy. At real pace none is an answer; in a hurry for all pictures we wait. */
static int copy_slot(child_decoder *decoder)
{
    for (;;) {
        const int slot = map_slot_free(decoder->link->map, 0);
        if (slot >= 0 || decoder->config->pace != VD_PACE_FAST) return slot;
        link_poll(decoder->link, WIRE_BEAT_MS);
    }
}

static bool convert(child_decoder *decoder, const AVFrame *frame, uint8_t *base,
                    const slot_plan *plan)
{
    uint8_t *planes[4] = { base + plan->offset[0], base + plan->offset[1], base + plan->offset[2] };
    const int strides[4] = { plan->stride[0], plan->stride[1], plan->stride[2] };
    if (plain(frame->format)) {
        const uint8_t *from[4] = { frame->data[0], frame->data[1], frame->data[2] };
        av_image_copy(planes, (int *)strides, from, frame->linesize, AV_PIX_FMT_YUV420P,
                      frame->width, frame->height);
        return true;
    }
    const bool full = frame->color_range == AVCOL_RANGE_JPEG;
    decoder->sws =
        sws_getCachedContext(decoder->sws, frame->width, frame->height, frame->format, frame->width,
                             frame->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!decoder->sws) return false;
    const int *table = sws_getCoefficients(SWS_CS_DEFAULT);
    sws_setColorspaceDetails(decoder->sws, table, full, table, full, 0, 1 << 16, 1 << 16);
    return sws_scale(decoder->sws, (const uint8_t *const *)frame->data, frame->linesize, 0,
                     frame->height, planes, strides) == frame->height;
}

static bool jpeg_range(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
           (format && strncmp(format->name, "yuvj", 4) == 0);
}

static bool is_bt709(const AVFrame *frame)
{
    if (frame->colorspace == AVCOL_SPC_BT709) return true;
    return frame->colorspace == AVCOL_SPC_UNSPECIFIED && frame->height >= 720 && !jpeg_range(frame);
}

/* The slot that the frame already lies in and that can go as it is; -1: none. */
static int own_slot(const child_map *map, const AVFrame *frame)
{
    if (!map || !frame->buf[0] || frame->buf[1] || !plain(frame->format)) return -1;
    const uint8_t *start = frame->buf[0]->data;
    if (start < map->base || start >= map->base + map->slot_bytes * WIRE_SLOTS) return -1;
    const int slot = (int)((uint64_t)(start - map->base) / map->slot_bytes);
    return map->lent & (1u << slot) ? -1 : slot; /* shown twice: the second needs a copy */
}

static void lend(child_decoder *decoder, const AVFrame *frame, int slot, wire_picture *picture)
{
    child_map *map = decoder->link->map;
    *picture = (wire_picture){ .head = WIRE_HEAD(WIRE_PICTURE, sizeof *picture),
                               .map = map->id,
                               .slot = (uint32_t)slot,
                               .width_px = frame->width,
                               .height_px = frame->height,
                               .full_range = jpeg_range(frame),
                               .bt709 = is_bt709(frame),
                               .pts_us = frame->best_effort_timestamp,
                               .number = decoder->link->count.decoded };
    picture->utc_us = media_clock_utc(decoder->clock, picture->pts_us);
    picture->time_source = decoder->clock->source;
    map->lent |= 1u << slot;
}

static void deliver(child_decoder *decoder, const AVFrame *frame)
{
    child_link *link = decoder->link;
    wire_picture picture;
    int slot = own_slot(link->map, frame);

    if (slot >= 0) {
        lend(decoder, frame, slot, &picture);
        for (int i = 0; i < 3; i++) {
            picture.offset[i] = (uint32_t)(frame->data[i] - map_slot(link->map, slot));
            picture.stride[i] = frame->linesize[i];
        }
        link_send(link, &picture.head);
        return;
    }
    const slot_plan plan = plan_of(frame->width, frame->height);
    if (!link->map || link->map->slot_bytes < plan.bytes) link_map(link, plan.bytes);
    slot = copy_slot(decoder);
    if (slot < 0 || !convert(decoder, frame, map_slot(link->map, slot), &plan)) {
        link->count.dropped++;
        return;
    }
    lend(decoder, frame, slot, &picture);
    memcpy(picture.offset, plan.offset, sizeof picture.offset);
    memcpy(picture.stride, plan.stride, sizeof picture.stride);
    link_send(link, &picture.head);
}

static void take_frames(child_decoder *decoder)
{
    AVFrame *frame = decoder->frame;
    while (avcodec_receive_frame(decoder->codec, frame) >= 0) {
        decoder->link->count.decoded++;
        if (frame->width > 0 && frame->height > 0 && frame->width <= WIRE_SIDE_MAX &&
            frame->height <= WIRE_SIDE_MAX && is_due(decoder, frame->best_effort_timestamp))
            deliver(decoder, frame);
        av_frame_unref(frame);
    }
}

void decoder_put(child_decoder *decoder, const AVPacket *packet)
{
    const int error = avcodec_send_packet(decoder->codec, packet);
    if (error < 0 && packet) decoder->link->count.damaged++;
    take_frames(decoder);
}

void decoder_close(child_decoder *decoder)
{
    avcodec_free_context(&decoder->codec);
    av_frame_free(&decoder->frame);
    sws_freeContext(decoder->sws);
    decoder->sws = NULL;
}
