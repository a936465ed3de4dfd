/* child_encode.c - pictures of any kind to JPEG. A source without a compressed stream still has
 * events with clips: those who keep packets get MJPEG. */
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "child_priv.h"

#define QUALITY 3 /* MJPEG's quantiser, 2 the best: hardly to be told from the picture */

static vd_err encoder_open(jpeg_encoder *encoder, int width, int height, vd_why *why)
{
    const AVCodec *kind = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    avcodec_free_context(&encoder->codec);
    av_frame_free(&encoder->frame);
    encoder->codec = kind ? avcodec_alloc_context3(kind) : NULL;
    encoder->frame = av_frame_alloc();
    if (!encoder->codec || !encoder->frame) return vd_fail(why, VD_FULL, "no memory to encode");
    encoder->codec->width = encoder->frame->width = width;
    encoder->codec->height = encoder->frame->height = height;
    encoder->codec->pix_fmt = AV_PIX_FMT_YUVJ420P;
    encoder->frame->format = AV_PIX_FMT_YUVJ420P;
    encoder->codec->color_range = encoder->frame->color_range = AVCOL_RANGE_JPEG;
    encoder->codec->time_base = (AVRational){ 1, 1000000 };
    encoder->codec->thread_count = 1;
    encoder->codec->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->codec->global_quality = QUALITY * FF_QP2LAMBDA;
    encoder->frame->quality = encoder->codec->global_quality;
    if (av_frame_get_buffer(encoder->frame, 0) < 0 || avcodec_open2(encoder->codec, kind, NULL) < 0)
        return vd_fail(why, VD_FULL, "the JPEG encoder does not start");
    return VD_OK;
}

static bool frame_fill(jpeg_encoder *encoder, const AVFrame *from)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(from->format);
    const bool rgb = format && format->flags & AV_PIX_FMT_FLAG_RGB;
    const bool full = rgb || from->color_range == AVCOL_RANGE_JPEG;
    encoder->sws =
        sws_getCachedContext(encoder->sws, from->width, from->height, from->format, from->width,
                             from->height, AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!encoder->sws || av_frame_make_writable(encoder->frame) < 0) return false;
    const int *table = sws_getCoefficients(SWS_CS_DEFAULT);
    sws_setColorspaceDetails(encoder->sws, table, full, table, 1, 0, 1 << 16, 1 << 16);
    return sws_scale(encoder->sws, (const uint8_t *const *)from->data, from->linesize, 0,
                     from->height, encoder->frame->data, encoder->frame->linesize) == from->height;
}

vd_err jpeg_encode(jpeg_encoder *encoder, const AVFrame *frame, AVPacket *packet, vd_why *why)
{
    const bool same = encoder->codec && encoder->codec->width == frame->width &&
                      encoder->codec->height == frame->height;
    if (frame->width < 1 || frame->height < 1 || frame->width > WIRE_SIDE_MAX ||
        frame->height > WIRE_SIDE_MAX)
        return vd_fail(why, VD_INVALID, "the picture has more than %d pixels a side",
                       WIRE_SIDE_MAX);
    vd_err err = same ? VD_OK : encoder_open(encoder, frame->width, frame->height, why);
    if (err) return err;
    if (!frame_fill(encoder, frame))
        return vd_fail(why, VD_INVALID, "the picture has colours of an unknown kind");
    encoder->frame->pts++;
    if (avcodec_send_frame(encoder->codec, encoder->frame) < 0 ||
        avcodec_receive_packet(encoder->codec, packet) < 0)
        return vd_fail(why, VD_INVALID, "the picture cannot be made into a JPEG");
    return VD_OK;
}
