/* child_still.c - single pictures from a folder. The agent opens each file and hands it over; here
 * it becomes a JPEG packet like those of any camera. JPEG files stay as they are, other kinds are
 * decoded and encoded, so that the stream is of one kind and a clip can hold it. */
#include <sys/stat.h>
#include <unistd.h>

#include "child_priv.h"
#include "jpegs.h"

#define FILE_MAX (64u << 20) /* a BMP of 20 megapixels */

typedef struct {
    jpeg_encoder encoder;
    vd_buf bytes;
    bool out; /* the decoder has the last one; what it makes of it is to be told */
    uint64_t number, decoded;
    int64_t utc_us, pts_us;
} still_source;

static void tell(child_link *link, uint64_t number, bool fine, const vd_why *why)
{
    wire_still_done done = { .head = WIRE_HEAD(WIRE_STILL_DONE, sizeof done),
                             .number = number,
                             .fine = fine };
    if (!fine) done.why = *why;
    link_send(link, &done.head);
}

/* The decoder had it when we are asked for the next one. */
static void tell_last(child_input *input)
{
    still_source *source = input->source;
    const bool fine = input->config->packets_only || input->link->count.decoded > source->decoded;
    vd_why why = { 0 };
    if (!source->out) return;
    source->out = false;
    if (!fine) vd_fail(&why, VD_CORRUPT, "it cannot be decoded");
    tell(input->link, source->number, fine, &why);
}

static vd_err file_load(int fd, vd_buf *into, vd_why *why)
{
    uint8_t part[65536];
    ssize_t got;
    vd_buf_clear(into);
    while ((got = read(fd, part, sizeof part)) > 0)
        if (!vd_buf_add(into, vd_slice_of(part, (size_t)got)))
            return vd_fail(why, VD_FULL, "it is larger than %u MB", FILE_MAX >> 20);
    if (got < 0) return vd_fail_errno(why, "it cannot be read");
    if (into->len == 0) return vd_fail(why, VD_INVALID, "it is empty");
    return VD_OK;
}

static enum AVCodecID kind_of(vd_slice bytes)
{
    static const struct {
        const char *start;
        size_t len;
        enum AVCodecID id;
    } kinds[] = {
        { "\xff\xd8\xff", 3, AV_CODEC_ID_MJPEG },
        { "\x89PNG\r\n\x1a\n", 8, AV_CODEC_ID_PNG },
        { "BM", 2, AV_CODEC_ID_BMP },
        { "II*\0", 4, AV_CODEC_ID_TIFF },
        { "MM\0*", 4, AV_CODEC_ID_TIFF },
    };
    for (size_t i = 0; i < VD_COUNT_OF(kinds); i++)
        if (vd_slice_starts(bytes, vd_slice_of(kinds[i].start, kinds[i].len))) return kinds[i].id;
    if (bytes.len > 12 && memcmp(bytes.data, "RIFF", 4) == 0 &&
        memcmp(bytes.data + 8, "WEBP", 4) == 0)
        return AV_CODEC_ID_WEBP;
    return AV_CODEC_ID_NONE;
}

/* A JPEG stays as it is, when it is whole; what follows its end is left out. */
static vd_err take_jpeg(vd_slice bytes, AVPacket *packet, vd_why *why)
{
    jpeg_walk walk = { 0 };
    size_t len = 0;
    const jpeg_end end = jpeg_walk_on(&walk, bytes, &len);
    if (end == JPEG_MORE) return vd_fail(why, VD_CORRUPT, "the JPEG is cut off");
    if (end == JPEG_BROKEN) return vd_fail(why, VD_CORRUPT, "the JPEG is damaged");
    if (len > WIRE_PACKET_MAX)
        return vd_fail(why, VD_FULL, "the JPEG is larger than %u MB", WIRE_PACKET_MAX >> 20);
    if (walk.width_px > WIRE_SIDE_MAX || walk.height_px > WIRE_SIDE_MAX)
        return vd_fail(why, VD_INVALID, "the picture has more than %d pixels a side",
                       WIRE_SIDE_MAX);
    if (av_new_packet(packet, (int)len) < 0) return vd_fail(why, VD_FULL, "no memory to read");
    memcpy(packet->data, bytes.data, len);
    return VD_OK;
}

static vd_err decode_other(enum AVCodecID kind, vd_slice bytes, AVFrame *frame, vd_why *why)
{
    const AVCodec *codec = avcodec_find_decoder(kind);
    AVCodecContext *decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    vd_err err = VD_OK;
    if (!decoder || !packet || av_new_packet(packet, (int)bytes.len) < 0) {
        err = vd_fail(why, VD_FULL, "no memory to read");
    } else {
        memcpy(packet->data, bytes.data, bytes.len);
        decoder->thread_count = 1;
        decoder->max_pixels = (int64_t)WIRE_SIDE_MAX * WIRE_SIDE_MAX;
        if (avcodec_open2(decoder, codec, NULL) < 0 || avcodec_send_packet(decoder, packet) < 0 ||
            avcodec_send_packet(decoder, NULL) < 0 || avcodec_receive_frame(decoder, frame) < 0)
            err = vd_fail(why, VD_CORRUPT, "the %s is damaged", avcodec_get_name(kind));
    }
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return err;
}

static vd_err take_bytes(still_source *source, AVPacket *packet, vd_why *why)
{
    const vd_slice bytes = vd_buf_slice(&source->bytes);
    const enum AVCodecID kind = kind_of(bytes);
    if (kind == AV_CODEC_ID_NONE) return vd_fail(why, VD_INVALID, "its bytes are no picture");
    if (kind == AV_CODEC_ID_MJPEG) return take_jpeg(bytes, packet, why);
    AVFrame *frame = av_frame_alloc();
    if (!frame) return vd_fail(why, VD_FULL, "no memory to read");
    vd_err err = decode_other(kind, bytes, frame, why);
    if (!err) err = jpeg_encode(&source->encoder, frame, packet, why);
    av_frame_free(&frame);
    return err;
}

/* Media time follows the times at which the pictures were taken, as long as those rise. */
static void set_times(child_input *input, const wire_still *still, AVPacket *packet)
{
    still_source *source = input->source;
    const int64_t step_us = still->utc_us - source->utc_us;
    if (source->utc_us) source->pts_us += step_us > 0 ? step_us : 1000;
    source->utc_us = input->capture_us = still->utc_us;
    packet->pts = packet->dts = source->pts_us;
    packet->flags |= AV_PKT_FLAG_KEY;
}

static vd_err still_read(child_input *input, AVPacket *packet, vd_why *why)
{
    still_source *source = input->source;
    child_link *link = input->link;
    (void)why;
    tell_last(input);
    for (;;) {
        vd_why cause = { 0 };
        while (!link->have_still) link_poll(link, WIRE_BEAT_MS);
        const wire_still still = link->still;
        link->have_still = false;
        vd_err err = file_load(link->still_fd, &source->bytes, &cause);
        close(link->still_fd);
        if (!err) err = take_bytes(source, packet, &cause);
        if (!err) {
            source->out = true;
            source->number = still.number;
            source->decoded = link->count.decoded;
            set_times(input, &still, packet);
            return VD_OK;
        }
        av_packet_unref(packet);
        tell(link, still.number, false, &cause);
    }
}

void still_open(child_input *input)
{
    still_source *source = calloc(1, sizeof *source);
    if (!source) _exit(3);
    source->bytes = VD_BUF(FILE_MAX);
    input->source = source;
    input->read = still_read;
    input_stream_new(input, AV_CODEC_ID_MJPEG);
}
