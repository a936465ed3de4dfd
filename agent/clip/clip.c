#include "clip.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "libav.h"
#include "vd/fault.h"

struct vd_clip {
    AVFormatContext *format;
    AVPacket *packet; /* an empty shell, filled anew for each write */
    char *path;
    int64_t origin_us, last_dts;
    bool has_written;
};

static vd_err fail_av(vd_why *why, int rc, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(rc, text, sizeof text);
    vd_err err = rc == AVERROR(ENOSPC) || rc == AVERROR(ENOMEM) ? VD_FULL : VD_IO;
    vd_fail(why, err, "cannot %s the clip", what);
    vd_why_detail(why, "%s", text);
    return err;
}

/* Cameras may send their parameter sets only in the stream, before each key frame. */
static int find_extradata(AVCodecParameters *parameters, const vd_packet *first)
{
    AVBSFContext *filter = NULL;
    AVPacket *packet = av_packet_alloc();
    int rc = packet ? av_new_packet(packet, (int)first->data.len) : AVERROR(ENOMEM);
    if (rc >= 0) memcpy(packet->data, first->data.data, first->data.len);
    if (rc >= 0) rc = av_bsf_alloc(av_bsf_get_by_name("extract_extradata"), &filter);
    if (rc >= 0) rc = avcodec_parameters_copy(filter->par_in, parameters);
    if (rc >= 0) rc = av_bsf_init(filter);
    if (rc >= 0) rc = av_bsf_send_packet(filter, packet);
    if (rc >= 0) rc = av_bsf_receive_packet(filter, packet);
    size_t len = 0;
    uint8_t *found = NULL;
    if (rc >= 0) found = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &len);
    if (found) {
        parameters->extradata = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
        if (parameters->extradata) {
            memcpy(parameters->extradata, found, len);
            parameters->extradata_size = (int)len;
        }
    }
    av_bsf_free(&filter);
    av_packet_free(&packet);
    return rc;
}

static int fill_parameters(AVCodecParameters *parameters, const vd_packet *first)
{
    const vd_stream_info *stream = first->stream;
    parameters->codec_type = AVMEDIA_TYPE_VIDEO;
    parameters->codec_id = (enum AVCodecID)stream->codec_id;
    parameters->width = stream->width_px;
    parameters->height = stream->height_px;
    parameters->profile = stream->profile;
    parameters->level = stream->level;
    /* The tag that browsers on phones want; others take both. */
    if (stream->codec_id == AV_CODEC_ID_HEVC) parameters->codec_tag = MKTAG('h', 'v', 'c', '1');
    bool in_band = stream->codec_id == AV_CODEC_ID_H264 || stream->codec_id == AV_CODEC_ID_HEVC;
    if (stream->extradata.len == 0) return in_band ? find_extradata(parameters, first) : 0;
    parameters->extradata = av_mallocz(stream->extradata.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!parameters->extradata) return AVERROR(ENOMEM);
    memcpy(parameters->extradata, stream->extradata.data, stream->extradata.len);
    parameters->extradata_size = (int)stream->extradata.len;
    return 0;
}

static int open_format(vd_clip *c, const vd_packet *first)
{
    int rc = avformat_alloc_output_context2(&c->format, NULL, "mp4", c->path);
    if (rc < 0) return rc;
    AVStream *stream = avformat_new_stream(c->format, NULL);
    c->packet = av_packet_alloc();
    if (!stream || !c->packet) return AVERROR(ENOMEM);
    rc = fill_parameters(stream->codecpar, first);
    if (rc < 0) return rc;
    stream->time_base = (AVRational){ 1, 90000 };
    if (first->stream->fps > 0) stream->avg_frame_rate = av_d2q(first->stream->fps, 100000);
    rc = avio_open(&c->format->pb, c->path, AVIO_FLAG_WRITE);
    if (rc < 0) return rc;
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "+faststart", 0);
    av_dict_set(&options, "video_track_timescale", "90000", 0);
    rc = avformat_write_header(c->format, &options);
    av_dict_free(&options);
    return rc < 0 ? rc : 0;
}

static bool mp4_holds(const vd_stream_info *stream, vd_why *why)
{
    enum AVCodecID id = (enum AVCodecID)stream->codec_id;
    const AVOutputFormat *mp4 = av_guess_format("mp4", NULL, NULL);
    if (mp4 && avformat_query_codec(mp4, id, FF_COMPLIANCE_NORMAL) == 1) return true;
    vd_fail(why, VD_INVALID, "an MP4 file cannot hold %s video", avcodec_get_name(id));
    vd_why_hint(why, "set the camera to H.264");
    return false;
}

vd_err vd_clip_open(const char *path, const vd_packet *first, vd_clip **ret_clip, vd_why *why)
{
    vd_err err = vd_libav_open(why);
    if (err) return err;
    if (!mp4_holds(first->stream, why)) return VD_INVALID;
    vd_clip *c = vd_calloc(1, sizeof *c);
    if (!c) return vd_fail(why, VD_FULL, "no memory for a clip");
    c->path = vd_strdup(path);
    c->origin_us = first->pts_us;
    int rc = c->path ? open_format(c, first) : AVERROR(ENOMEM);
    if (rc < 0) {
        vd_clip_drop(c);
        return fail_av(why, rc, "begin");
    }
    *ret_clip = c;
    return VD_OK;
}

vd_err vd_clip_write(vd_clip *c, const vd_packet *packet, vd_why *why)
{
    const AVRational us = { 1, 1000000 };
    AVStream *stream = c->format->streams[0];
    AVPacket *out = c->packet;
    out->data = (uint8_t *)packet->data.data; /* the muxer reads it only */
    out->size = (int)packet->data.len;
    out->stream_index = 0;
    out->flags = packet->key ? AV_PKT_FLAG_KEY : 0;
    out->pts = av_rescale_q(packet->pts_us - c->origin_us, us, stream->time_base);
    out->dts = av_rescale_q(packet->dts_us - c->origin_us, us, stream->time_base);
    /* Decoding times must rise; a camera's may stand still or step back. */
    if (c->has_written && out->dts <= c->last_dts) out->dts = c->last_dts + 1;
    if (out->pts < out->dts) out->pts = out->dts;
    double fps = packet->stream->fps;
    out->duration = fps >= 1 ? (int64_t)(stream->time_base.den / fps) : 0;
    c->last_dts = out->dts;
    c->has_written = true;
    int rc = av_write_frame(c->format, out);
    av_packet_unref(out);
    return rc < 0 ? fail_av(why, rc, "write") : VD_OK;
}

static void clip_release(vd_clip *c)
{
    if (c->format) {
        avio_closep(&c->format->pb);
        avformat_free_context(c->format);
    }
    av_packet_free(&c->packet);
    free(c->path);
    free(c);
}

vd_err vd_clip_close(vd_clip *c, vd_why *why)
{
    int rc = av_write_trailer(c->format);
    if (rc >= 0) {
        avio_flush(c->format->pb);
        rc = c->format->pb->error; /* what the disk said to writes that the muxer did not look at */
    }
    int closed = avio_closep(&c->format->pb);
    if (rc >= 0) rc = closed;
    if (rc < 0) {
        vd_clip_drop(c);
        return fail_av(why, rc, "finish");
    }
    clip_release(c);
    return VD_OK;
}

vd_clip *vd_clip_drop(vd_clip *c)
{
    if (!c) return NULL;
    if (c->path) unlink(c->path);
    clip_release(c);
    return NULL;
}
