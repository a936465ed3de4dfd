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

#define HW_FAILURES_MAX 5 /* in a row */

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
    map_slot_use(map, slot);
    for (int i = 0; i < 3; i++) {
        frame->data[i] = base + plan.offset[i];
        frame->linesize[i] = plan.stride[i];
    }
    frame->extended_data = frame->data;
    return 0;
}

/* True: `codec` is open. */
static bool codec_open(child_decoder *decoder, AVCodecContext *codec, const AVCodec *kind)
{
    if (!codec) return false;
    int error = avcodec_parameters_to_context(codec, decoder->parameters);
    codec->thread_count = 1; /* many cameras share few cores; one each is fair */
    codec->opaque = decoder;
    codec->pkt_timebase = (AVRational){ 1, 1000000 };
    /* What is not painted yet stays in this process. */
    if (kind->capabilities & AV_CODEC_CAP_DR1 && !decoder->masks) codec->get_buffer2 = get_buffer;
    if (error >= 0) error = avcodec_open2(codec, kind, NULL);
    if (error < 0)
        avcodec_free_context(&codec);
    else
        decoder->codec = codec;
    return error >= 0;
}

static void tell_decoder(child_decoder *decoder)
{
    snprintf(decoder->link->count.decoder, sizeof decoder->link->count.decoder, "%s",
             hw_name(decoder->hw.kind));
}

static vd_err open_software(child_decoder *decoder, vd_why *why)
{
    const AVCodec *kind = avcodec_find_decoder(decoder->parameters->codec_id);
    hw_close(&decoder->hw);
    if (!kind)
        return vd_fail(why, VD_INVALID, "the stream's codec '%s' cannot be decoded",
                       avcodec_get_name(decoder->parameters->codec_id));
    if (!codec_open(decoder, avcodec_alloc_context3(kind), kind))
        return vd_fail(why, VD_INVALID, "the decoder for '%s' does not start", kind->name);
    tell_decoder(decoder);
    return VD_OK;
}

/* False: this hardware does not take this stream; that was noted. */
static bool open_hardware(child_decoder *decoder)
{
    const AVCodec *kind = NULL;
    vd_why note = { 0 };
    if (decoder->hw.kind == HW_NONE) return false;
    AVCodecContext *codec = hw_decoder(&decoder->hw, decoder->parameters->codec_id, &kind);
    if (codec && codec_open(decoder, codec, kind)) {
        tell_decoder(decoder);
        return true;
    }
    vd_fail(&note, VD_ABSENT, "'%s' does not decode '%s', decoding in software",
            hw_name(decoder->hw.kind), avcodec_get_name(decoder->parameters->codec_id));
    link_note(decoder->link, &note);
    return false;
}

vd_err decoder_open(child_decoder *decoder, const AVCodecParameters *parameters, vd_why *why)
{
    decoder->frame = av_frame_alloc();
    decoder->parameters = avcodec_parameters_alloc();
    decoder->shown_us = decoder->after_us = INT64_MIN / 2;
    if (!decoder->frame || !decoder->parameters ||
        avcodec_parameters_copy(decoder->parameters, parameters) < 0)
        return vd_fail(why, VD_FULL, "no memory to decode");
    return open_hardware(decoder) ? VD_OK : open_software(decoder, why);
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

bool picture_to_i420(struct SwsContext **sws, const AVFrame *frame, uint8_t *const planes[4],
                     const int strides[4])
{
    if (plain(frame->format)) {
        const uint8_t *from[4] = { frame->data[0], frame->data[1], frame->data[2] };
        av_image_copy((uint8_t **)planes, (int *)strides, from, frame->linesize, AV_PIX_FMT_YUV420P,
                      frame->width, frame->height);
        return true;
    }
    const bool full = frame->color_range == AVCOL_RANGE_JPEG;
    *sws = sws_getCachedContext(*sws, frame->width, frame->height, frame->format, frame->width,
                                frame->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!*sws) return false;
    const int *table = sws_getCoefficients(SWS_CS_DEFAULT);
    sws_setColorspaceDetails(*sws, table, full, table, full, 0, 1 << 16, 1 << 16);
    return sws_scale(*sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                     planes, strides) == frame->height;
}

static bool convert(child_decoder *decoder, const AVFrame *frame, uint8_t *base,
                    const slot_plan *plan)
{
    uint8_t *const planes[4] = { base + plan->offset[0], base + plan->offset[1],
                                 base + plan->offset[2] };
    const int strides[4] = { plan->stride[0], plan->stride[1], plan->stride[2] };
    return picture_to_i420(&decoder->sws, frame, planes, strides);
}

bool picture_full_range(const AVFrame *frame)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    return frame->color_range == AVCOL_RANGE_JPEG || frame->format == AV_PIX_FMT_YUVJ420P ||
           (format && strncmp(format->name, "yuvj", 4) == 0);
}

static bool is_bt709(const AVFrame *frame)
{
    if (frame->colorspace == AVCOL_SPC_BT709) return true;
    return frame->colorspace == AVCOL_SPC_UNSPECIFIED && frame->height >= 720 &&
           !picture_full_range(frame);
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
                               .full_range = picture_full_range(frame),
                               .bt709 = is_bt709(frame),
                               .pts_us = frame->best_effort_timestamp,
                               .number = decoder->link->count.decoded };
    picture->utc_us = media_clock_utc(decoder->clock, picture->pts_us);
    decoder->shown_us = picture->pts_us;
    picture->time_source = decoder->clock->source;
    picture->camera_skew_ms = media_clock_skew_ms(decoder->clock);
    map->lent |= 1u << slot;
    map_slot_use(map, slot);
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

/* A picture that can be used, in memory. */
static bool usable(child_decoder *decoder, AVFrame *frame)
{
    decoder->link->count.decoded++;
    if (hw_fetch(frame)) {
        decoder->hw_failures++;
        return false;
    }
    decoder->hw_failures = 0;
    return frame->width > 0 && frame->height > 0 && frame->width <= WIRE_SIDE_MAX &&
           frame->height <= WIRE_SIDE_MAX;
}

void decoder_show(child_decoder *decoder, const AVFrame *frame)
{
    if (frame->best_effort_timestamp > decoder->after_us &&
        is_due(decoder, frame->best_effort_timestamp))
        deliver(decoder, frame);
}

/* Row `down` of the cells. Every second line is enough for a mean. */
static void light_row(const AVFrame *frame, int across, int top, int bottom, uint16_t *ret_cells)
{
    uint32_t sum[GATE_ACROSS] = { 0 };
    for (int y = top; y < bottom; y += 2) {
        const uint8_t *row = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];
        for (int i = 0; i < across; i++)
            for (int x = i * frame->width / across; x < (i + 1) * frame->width / across; x++)
                sum[i] += row[x];
    }
    for (int i = 0; i < across; i++) {
        const int width = (i + 1) * frame->width / across - i * frame->width / across;
        const uint32_t count = (uint32_t)(width * ((bottom - top + 1) / 2));
        ret_cells[i] = (uint16_t)((uint64_t)sum[i] * GATE_LIGHT_ONE / count);
    }
}

unsigned decoder_light(const AVFrame *frame, uint16_t *ret_cells)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    const int across = FFMIN(frame->width / CELL_SIDE, GATE_ACROSS);
    const int down = FFMIN(frame->height / CELL_SIDE, GATE_DOWN);
    if (!format || format->comp[0].depth != 8 || format->comp[0].step != 1) return 0;
    if (across < 1 || down < 1) return 0;
    for (int i = 0; i < down; i++)
        light_row(frame, across, i * frame->height / down, (i + 1) * frame->height / down,
                  ret_cells + (ptrdiff_t)i * across);
    return (unsigned)(across * down);
}

/* Paints it, sends it to those who keep packets and to those who want to see it; or nothing at
 * all leaves this process any more. */
static void show_painted(child_decoder *decoder, const AVFrame *frame)
{
    AVFrame *picture = NULL;
    vd_why why = { 0 };
    vd_err err = masks_paint(decoder->masks, frame, &picture, &why);
    if (!err) err = video_put(decoder->video, picture, &why);
    if (err) link_fail(decoder->link, err, &why);
    if (decoder->link->want_pictures && (picture->key_frame || !decoder->keys_only))
        decoder_show(decoder, picture);
}

static void take_frames(child_decoder *decoder)
{
    AVFrame *frame = decoder->frame;
    while (avcodec_receive_frame(decoder->codec, frame) >= 0) {
        if (!usable(decoder, frame)) {
            av_frame_unref(frame);
            continue;
        }
        if (decoder->masks) {
            show_painted(decoder, frame);
        } else {
            if (frame->key_frame && decoder->config->decode == VD_DECODE_AUTO)
                decoder->key_cells = decoder_light(frame, decoder->key_light);
            decoder_show(decoder, frame);
        }
        av_frame_unref(frame);
    }
}

/* Hardware that fails again and again is given up; software begins at the next key packet. */
static void heed_hardware(child_decoder *decoder)
{
    vd_why note = { 0 };
    if (decoder->hw.kind == HW_NONE || decoder->hw_failures < HW_FAILURES_MAX) return;
    vd_fail(&note, VD_IO, "decoding with '%s' fails, going on in software",
            hw_name(decoder->hw.kind));
    link_note(decoder->link, &note);
    avcodec_free_context(&decoder->codec);
    if (open_software(decoder, &note)) link_fail(decoder->link, VD_INVALID, &note);
}

void decoder_put(child_decoder *decoder, const AVPacket *packet)
{
    const int error = avcodec_send_packet(decoder->codec, packet);
    if (error < 0 && packet) {
        decoder->link->count.damaged++;
        decoder->hw_failures++;
    }
    take_frames(decoder);
    heed_hardware(decoder);
}

void decoder_restart(child_decoder *decoder)
{
    avcodec_flush_buffers(decoder->codec);
}

AVFrame *decoder_look(child_decoder *decoder, const AVPacket *packet, bool rough)
{
    AVCodecContext *codec = decoder->codec;
    AVFrame *frame = decoder->frame;
    codec->skip_loop_filter = rough ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
    const bool fine = avcodec_send_packet(codec, packet) >= 0 &&
                      avcodec_send_packet(codec, NULL) >= 0 &&
                      avcodec_receive_frame(codec, frame) >= 0 && usable(decoder, frame);
    codec->skip_loop_filter = AVDISCARD_DEFAULT;
    if (fine) return frame;
    decoder->link->count.damaged++;
    av_frame_unref(frame);
    return NULL;
}

void decoder_close(child_decoder *decoder)
{
    avcodec_free_context(&decoder->codec);
    avcodec_parameters_free(&decoder->parameters);
    hw_close(&decoder->hw);
    av_frame_free(&decoder->frame);
    sws_freeContext(decoder->sws);
    decoder->sws = NULL;
}
