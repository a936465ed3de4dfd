/* child_stream.c - what the stream is, also when that changes under way.
 *
 * A camera that is set to another size while it is watched just sends new parameters before its
 * next key picture. Whoever keeps packets must know before that packet comes, so key packets are
 * looked into here, ahead of the decoder. */
#include <libavcodec/bsf.h>

#include "child_priv.h"
#include "jpegs.h"

vd_err stream_watch_open(stream_watch *watch, const AVCodecParameters *parameters, vd_why *why)
{
    watch->now = avcodec_parameters_alloc();
    watch->context = avcodec_alloc_context3(NULL);
    if (!watch->now || !watch->context || avcodec_parameters_copy(watch->now, parameters) < 0 ||
        avcodec_parameters_to_context(watch->context, parameters) < 0)
        return vd_fail(why, VD_FULL, "no memory to look at the stream");
    watch->parser = av_parser_init((int)parameters->codec_id); /* NULL: such a stream never tells */
    if (watch->parser) watch->parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
    return VD_OK;
}

static void take_headers(stream_watch *watch, const AVPacket *packet)
{
    AVBSFContext *filter = NULL;
    AVPacket *copy = av_packet_clone(packet);
    size_t bytes = 0;
    const AVBitStreamFilter *kind = av_bsf_get_by_name("extract_extradata");
    if (kind && copy && av_bsf_alloc(kind, &filter) >= 0 &&
        avcodec_parameters_copy(filter->par_in, watch->now) >= 0 && av_bsf_init(filter) >= 0 &&
        av_bsf_send_packet(filter, copy) >= 0 && av_bsf_receive_packet(filter, copy) >= 0) {
        const uint8_t *found = av_packet_get_side_data(copy, AV_PKT_DATA_NEW_EXTRADATA, &bytes);
        uint8_t *kept = found ? av_mallocz(bytes + AV_INPUT_BUFFER_PADDING_SIZE) : NULL;
        if (kept) {
            memcpy(kept, found, bytes);
            av_freep(&watch->now->extradata);
            watch->now->extradata = kept;
            watch->now->extradata_size = (int)bytes;
        }
    }
    av_bsf_free(&filter);
    av_packet_free(&copy);
}

/* A JPEG says its size itself, and FFmpeg's parser does not look. */
static bool jpeg_changed(stream_watch *watch, const AVPacket *packet)
{
    jpeg_walk walk = { 0 };
    size_t len;
    (void)jpeg_walk_on(&walk, vd_slice_of(packet->data, (size_t)packet->size), &len);
    if (walk.width_px <= 0 || walk.height_px <= 0 ||
        (walk.width_px == watch->now->width && walk.height_px == watch->now->height))
        return false;
    watch->now->width = walk.width_px;
    watch->now->height = walk.height_px;
    return true;
}

bool stream_watch_changed(stream_watch *watch, const AVPacket *packet)
{
    uint8_t *out = NULL;
    int out_bytes = 0;
    if (watch->now->codec_id == AV_CODEC_ID_MJPEG) return jpeg_changed(watch, packet);
    if (!watch->parser || !(packet->flags & AV_PKT_FLAG_KEY)) return false;
    av_parser_parse2(watch->parser, watch->context, &out, &out_bytes, packet->data, packet->size,
                     packet->pts, packet->dts, packet->pos);
    const int width = watch->parser->width, height = watch->parser->height;
    if (width <= 0 || height <= 0 || (width == watch->now->width && height == watch->now->height))
        return false;
    const bool first = watch->now->width <= 0;
    watch->now->width = width;
    watch->now->height = height;
    watch->now->profile = watch->context->profile;
    watch->now->level = watch->context->level;
    if (!first) take_headers(watch, packet);
    return true;
}

void stream_watch_close(stream_watch *watch)
{
    avcodec_parameters_free(&watch->now);
    avcodec_free_context(&watch->context);
    av_parser_close(watch->parser);
}
