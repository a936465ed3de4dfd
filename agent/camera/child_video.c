/* child_video.c - pictures, painted or not, to H.264, in place of the packets that the camera sent.
 *
 * One picture in, one packet out: no reordering, no look-ahead. A key packet where the source has a
 * key picture, but not within KEY_LEAST_US of the last (stills and JPEGs are all key pictures), and
 * at the latest after KEY_MOST_US. A picture of another size or range is a new stream. */
#include <libavutil/opt.h>
#include <unistd.h>

#include "child_priv.h"

#define KEY_LEAST_US 1000000
#define KEY_MOST_US  2000000
#define QUALITY      "23" /* x264's usual one; cameras send about the same */
#define RATE_LEAST   2000000
#define RATE_PIXELS  3       /* most: a bit for so many pixels */
#define LARGE_PIXELS 2500000 /* beyond, speed counts more than size */
#define FPS_UNKNOWN  25
#define FPS_MOST     30

/* Noise at night must not become ten times what the camera would have sent. */
static int64_t rate_most(const video_encoder *video, const AVCodecContext *codec)
{
    const double fps = FFMIN(av_q2d(codec->framerate), FPS_MOST);
    int64_t rate = (int64_t)((double)codec->width * codec->height * fps / RATE_PIXELS);
    if (video->source_bit_rate > 0 && 2 * video->source_bit_rate < rate)
        rate = 2 * video->source_bit_rate;
    return FFMAX(rate, RATE_LEAST);
}

static void set_form(const video_encoder *video, AVCodecContext *codec, const AVFrame *picture)
{
    const bool known = video->rate.num > 0 && video->rate.den > 0;
    codec->width = picture->width & ~1; /* H.264 of this kind has even sides */
    codec->height = picture->height & ~1;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = (AVRational){ 1, 1000000 };
    codec->framerate = known ? video->rate : (AVRational){ FPS_UNKNOWN, 1 };
    codec->color_range = picture->color_range;
    codec->colorspace = picture->colorspace;
    codec->color_primaries = picture->color_primaries;
    codec->color_trc = picture->color_trc;
    codec->sample_aspect_ratio = picture->sample_aspect_ratio;
    codec->max_b_frames = 0;
    codec->gop_size = 100000; /* we say where */
    codec->thread_count = 1;  /* many cameras share few cores; one each is fair */
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    codec->rc_max_rate = rate_most(video, codec);
    codec->rc_buffer_size = (int)FFMIN(2 * codec->rc_max_rate, INT32_MAX);
    codec->bit_rate = codec->rc_max_rate / 2; /* of encoders without "crf" */
}

static bool takes_i420(const AVCodec *kind)
{
    for (const enum AVPixelFormat *f = kind->pix_fmts; f && *f != AV_PIX_FMT_NONE; f++)
        if (*f == AV_PIX_FMT_YUV420P) return true;
    return false;
}

static bool open_kind(video_encoder *video, const AVCodec *kind, const AVFrame *picture)
{
    AVDictionary *options = NULL;
    const bool large = (int64_t)picture->width * picture->height > LARGE_PIXELS;
    if (!kind || !takes_i420(kind)) return false;
    video->codec = avcodec_alloc_context3(kind);
    if (!video->codec) return false;
    set_form(video, video->codec, picture);
    if (strcmp(kind->name, "libx264") == 0) video->codec->bit_rate = 0;
    av_dict_set(&options, "preset", large ? "ultrafast" : "veryfast", 0);
    av_dict_set(&options, "tune", "zerolatency", 0);
    av_dict_set(&options, "crf", QUALITY, 0);
    av_dict_set(&options, "forced-idr", "1", 0);
    av_dict_set(&options, "sc_threshold", "0", 0);
    const int error = avcodec_open2(video->codec, kind, &options);
    av_dict_free(&options);
    if (error < 0) avcodec_free_context(&video->codec);
    return error >= 0;
}

/* libx264, or the first that works. */
static bool open_any(video_encoder *video, const AVFrame *picture)
{
    void *place = NULL;
    const AVCodec *kind;
    vd_why note = { 0 };
    if (open_kind(video, avcodec_find_encoder_by_name("libx264"), picture)) return true;
    while ((kind = av_codec_iterate(&place))) {
        if (!av_codec_is_encoder(kind) || kind->id != AV_CODEC_ID_H264) continue;
        if (!open_kind(video, kind, picture)) continue;
        vd_fail(&note, VD_ABSENT, "pictures are encoded with '%s'", kind->name);
        vd_why_hint(&note, "libx264 is not there");
        link_note(video->link, &note);
        return true;
    }
    return false;
}

static vd_err encoder_fail(const AVFrame *picture, vd_why *why)
{
    vd_fail(why, VD_ABSENT, "pictures cannot be encoded: nothing is shown");
    vd_why_hint(why,
                "FFmpeg's libavcodec needs an H.264 encoder, such as libx264, that takes "
                "pictures of %d x %d",
                picture->width, picture->height);
    return VD_ABSENT;
}

void video_announce(video_encoder *video, int width_px, int height_px)
{
    AVCodecParameters *stream = avcodec_parameters_alloc();
    if (!stream) _exit(3);
    stream->codec_id = AV_CODEC_ID_H264;
    stream->width = width_px & ~1;
    stream->height = height_px & ~1;
    link_stream(video->link, stream, video->rate);
    avcodec_parameters_free(&stream);
}

static vd_err tell_stream(const video_encoder *video, vd_why *why)
{
    AVCodecParameters *stream = avcodec_parameters_alloc();
    vd_err err = VD_OK;
    if (stream && avcodec_parameters_from_context(stream, video->codec) >= 0)
        link_stream(video->link, stream, video->rate);
    else
        err = vd_fail(why, VD_FULL, "no memory to encode");
    avcodec_parameters_free(&stream);
    return err;
}

static bool same_form(const AVCodecContext *codec, const AVFrame *picture)
{
    return codec && codec->width == (picture->width & ~1) &&
           codec->height == (picture->height & ~1) && codec->color_range == picture->color_range;
}

/* What the encoder has ready. */
static void send_ready(video_encoder *video)
{
    AVPacket *packet = video->packet;
    while (avcodec_receive_packet(video->codec, packet) >= 0) {
        packet->dts = packet->pts;
        link_packet(video->link, packet, media_clock_utc(video->clock, packet->pts));
        av_packet_unref(packet);
    }
}

static vd_err encoder_for(video_encoder *video, const AVFrame *picture, vd_why *why)
{
    if (!video->packet) video->packet = av_packet_alloc();
    if (!video->packet) return vd_fail(why, VD_FULL, "no memory to encode");
    if (same_form(video->codec, picture)) return VD_OK;
    video_end(video);
    if (!open_any(video, picture)) return encoder_fail(picture, why);
    video->key_us = INT64_MIN / 2;
    return tell_stream(video, why);
}

static bool is_key(const video_encoder *video, const AVFrame *picture)
{
    const int64_t since_us = picture->pts - video->key_us;
    return since_us >= KEY_MOST_US || (picture->key_frame && since_us >= KEY_LEAST_US);
}

vd_err video_put(video_encoder *video, AVFrame *picture, vd_why *why)
{
    vd_err err = encoder_for(video, picture, why);
    if (err) return err;
    if (picture->pts == AV_NOPTS_VALUE || (video->started && picture->pts <= video->last_us))
        picture->pts = video->last_us + 1;
    const bool key = is_key(video, picture);
    if (key) video->key_us = picture->pts;
    video->last_us = picture->pts;
    video->started = true;
    picture->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    const int width = picture->width, height = picture->height;
    picture->width &= ~1;
    picture->height &= ~1;
    const int error = avcodec_send_frame(video->codec, picture);
    picture->width = width;
    picture->height = height;
    if (error < 0) return encoder_fail(picture, why);
    send_ready(video);
    return VD_OK;
}

void video_end(video_encoder *video)
{
    if (!video->codec) return;
    if (avcodec_send_frame(video->codec, NULL) >= 0) send_ready(video);
    avcodec_free_context(&video->codec);
}
