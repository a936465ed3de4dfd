/* sim_encode.c - a file becomes what a camera would send. */
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

#include "sim_priv.h"

typedef struct {
    AVFormatContext *in, *out;
    AVStream *from, *to;
    AVCodecContext *decoder, *encoder;
    struct SwsContext *sws;
    AVFrame *frame, *scaled;
    AVPacket *packet;
    int64_t count;
    sim_codec codec;
} transcoder;

static const char *encoder_name(sim_codec codec)
{
    static const char *const names[] = { "libx264", "libx265", "mjpeg" };
    return names[codec];
}

static void encoder_options(sim_codec codec, bool fast, AVDictionary **options)
{
    if (codec == SIM_H264) {
        av_dict_set(options, "preset", fast ? "ultrafast" : "veryfast", 0);
        if (fast) av_dict_set(options, "tune", "zerolatency", 0);
        av_dict_set(options, "x264-params", "sliced-threads=0:scenecut=0", 0);
        av_dict_set(options, "profile", fast ? "baseline" : "high", 0);
        av_dict_set(options, "crf", "24", 0);
    } else if (codec == SIM_H265) {
        av_dict_set(options, "preset", "ultrafast", 0);
        av_dict_set(options, "tune", "zerolatency", 0);
        av_dict_set(options, "x265-params", "log-level=none:repeat-headers=1:scenecut=0", 0);
        av_dict_set(options, "crf", "26", 0);
    } else {
        av_dict_set(options, "huffman", "default", 0); /* RTP carries no Huffman tables */
    }
}

vd_err sim_encoder_open(sim_codec codec, int width_px, int height_px, AVRational fps, bool fast,
                        AVCodecContext **ret_encoder, vd_why *why)
{
    const AVCodec *kind = avcodec_find_encoder_by_name(encoder_name(codec));
    AVCodecContext *encoder = kind ? avcodec_alloc_context3(kind) : NULL;
    if (!encoder)
        return vd_fail(why, VD_ABSENT, "FFmpeg has no encoder '%s' here", encoder_name(codec));
    const int per_second = fps.den > 0 && fps.num > fps.den ? (fps.num + fps.den / 2) / fps.den : 1;
    encoder->width = width_px;
    encoder->height = height_px;
    encoder->pix_fmt = codec == SIM_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    encoder->color_range = codec == SIM_MJPEG ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    encoder->time_base = av_inv_q(fps);
    encoder->framerate = fps;
    encoder->gop_size = encoder->keyint_min = per_second;
    encoder->max_b_frames = 0;
    encoder->thread_count = fast ? 1 : 2;
    if (codec == SIM_MJPEG) {
        encoder->flags |= AV_CODEC_FLAG_QSCALE;
        encoder->global_quality = 4 * FF_QP2LAMBDA;
    }
    AVDictionary *options = NULL;
    encoder_options(codec, fast, &options);
    const int error = avcodec_open2(encoder, kind, &options);
    av_dict_free(&options);
    if (error < 0) {
        avcodec_free_context(&encoder);
        return vd_fail(why, VD_INVALID, "the encoder '%s' does not take %dx%d", kind->name,
                       width_px, height_px);
    }
    *ret_encoder = encoder;
    return VD_OK;
}

static vd_err open_input(transcoder *job, const char *path, vd_why *why)
{
    int error = avformat_open_input(&job->in, path, NULL, NULL);
    if (error >= 0) error = avformat_find_stream_info(job->in, NULL);
    const AVCodec *kind = NULL;
    if (error >= 0) error = av_find_best_stream(job->in, AVMEDIA_TYPE_VIDEO, -1, -1, &kind, 0);
    if (error < 0 || !kind) {
        vd_fail(why, error == AVERROR(ENOENT) ? VD_ABSENT : VD_INVALID,
                "this file cannot be played");
        vd_why_detail(why, "%.240s: %s", path, av_err2str(error));
        return VD_INVALID;
    }
    job->from = job->in->streams[error];
    job->decoder = avcodec_alloc_context3(kind);
    if (!job->decoder || avcodec_parameters_to_context(job->decoder, job->from->codecpar) < 0 ||
        avcodec_open2(job->decoder, kind, NULL) < 0)
        return vd_fail(why, VD_INVALID, "the decoder for '%s' does not start", kind->name);
    return VD_OK;
}

static AVRational pace_of(const transcoder *job)
{
    const AVRational fps = job->from->avg_frame_rate;
    const double value = fps.den > 0 ? av_q2d(fps) : 0;
    return value >= 1 && value <= 120 ? fps : (AVRational){ 25, 1 };
}

/* The first picture tells the size. RTP's JPEG counts in eights. */
static vd_err open_output(transcoder *job, const char *path, vd_why *why)
{
    const int step = job->codec == SIM_MJPEG ? 8 : 2;
    const int width = job->frame->width / step * step, height = job->frame->height / step * step;
    vd_err err =
        sim_encoder_open(job->codec, width, height, pace_of(job), false, &job->encoder, why);
    if (err) return err;
    job->sws = sws_getContext(job->frame->width, job->frame->height, job->frame->format, width,
                              height, job->encoder->pix_fmt, SWS_BICUBIC, NULL, NULL, NULL);
    job->scaled->width = width;
    job->scaled->height = height;
    job->scaled->format = job->encoder->pix_fmt;
    if (!job->sws || av_frame_get_buffer(job->scaled, 0) < 0)
        return vd_fail(why, VD_FULL, "no memory to encode");
    int error = avformat_alloc_output_context2(&job->out, NULL, "nut", path);
    if (error >= 0) job->to = avformat_new_stream(job->out, NULL);
    if (error >= 0) error = avcodec_parameters_from_context(job->to->codecpar, job->encoder);
    job->to->time_base = job->encoder->time_base;
    job->to->avg_frame_rate = job->encoder->framerate;
    if (error >= 0) error = avio_open(&job->out->pb, path, AVIO_FLAG_WRITE);
    if (error >= 0) error = avformat_write_header(job->out, NULL);
    if (error < 0) {
        err = vd_fail(why, VD_IO, "the film cannot be kept in the cache");
        vd_why_detail(why, "%.240s: %s", path, av_err2str(error));
    }
    return err;
}

static vd_err write_packets(transcoder *job, vd_why *why)
{
    while (avcodec_receive_packet(job->encoder, job->packet) >= 0) {
        av_packet_rescale_ts(job->packet, job->encoder->time_base, job->to->time_base);
        job->packet->stream_index = 0;
        if (av_write_frame(job->out, job->packet) < 0)
            return vd_fail(why, VD_IO, "the film cannot be written to the cache");
        av_packet_unref(job->packet);
    }
    return VD_OK;
}

static vd_err encode_frames(transcoder *job, const char *to, vd_why *why)
{
    vd_err err = VD_OK;
    while (!err && avcodec_receive_frame(job->decoder, job->frame) >= 0) {
        if (!job->encoder) err = open_output(job, to, why);
        if (err) break;
        if (av_frame_make_writable(job->scaled) < 0) return vd_fail(why, VD_FULL, "no memory");
        sws_scale(job->sws, (const uint8_t *const *)job->frame->data, job->frame->linesize, 0,
                  job->frame->height, job->scaled->data, job->scaled->linesize);
        job->scaled->pts = job->count++;
        job->scaled->quality = job->encoder->global_quality;
        if (avcodec_send_frame(job->encoder, job->scaled) >= 0) err = write_packets(job, why);
        av_frame_unref(job->frame);
    }
    return err;
}

static vd_err transcode_all(transcoder *job, const char *to, vd_why *why)
{
    vd_err err = VD_OK;
    while (!err && av_read_frame(job->in, job->packet) >= 0) {
        if (job->packet->stream_index == job->from->index)
            avcodec_send_packet(job->decoder, job->packet);
        av_packet_unref(job->packet);
        err = encode_frames(job, to, why);
    }
    if (err) return err;
    avcodec_send_packet(job->decoder, NULL);
    err = encode_frames(job, to, why);
    if (!err && !job->encoder) err = vd_fail(why, VD_INVALID, "no picture could be decoded");
    if (err) return err;
    avcodec_send_frame(job->encoder, NULL);
    err = write_packets(job, why);
    if (!err && av_write_trailer(job->out) < 0)
        err = vd_fail(why, VD_IO, "the film cannot be written to the cache");
    return err;
}

vd_err sim_transcode(const char *from, const char *to, sim_codec codec, vd_why *why)
{
    transcoder job = { .codec = codec };
    job.frame = av_frame_alloc();
    job.scaled = av_frame_alloc();
    job.packet = av_packet_alloc();
    vd_err err = open_input(&job, from, why);
    if (!err) err = transcode_all(&job, to, why);
    if (job.out) avio_closep(&job.out->pb);
    avformat_free_context(job.out);
    avformat_close_input(&job.in);
    avcodec_free_context(&job.decoder);
    avcodec_free_context(&job.encoder);
    av_frame_free(&job.frame);
    av_frame_free(&job.scaled);
    av_packet_free(&job.packet);
    sws_freeContext(job.sws);
    return err;
}
