/* sim_effect.c - black, frozen and blurred: the film's pictures are decoded, changed and encoded
 * again while the fault lasts, so that what arrives really looks like it. */
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

#include "sim_priv.h"

#define BLUR_BY 24 /* a picture made this much smaller and back has no edges left */

struct sim_effect {
    sim_fault fault;
    AVCodecContext *decoder, *encoder;
    AVFrame *frame, *shown, *tiny;
    struct SwsContext *smaller, *bigger;
    AVPacket *in, *out;
    int64_t count;
};

static bool frame_make(AVFrame **ret_frame, int width, int height, int format)
{
    AVFrame *frame = *ret_frame = av_frame_alloc();
    if (!frame) return false;
    frame->width = width;
    frame->height = height;
    frame->format = format;
    return av_frame_get_buffer(frame, 0) >= 0;
}

static bool effect_make(sim_effect *effect, const sim_film *film)
{
    const int width = film->width_px, height = film->height_px;
    const int format = effect->encoder->pix_fmt;
    const int tiny_width = (width / BLUR_BY + 2) / 2 * 2,
              tiny_height = (height / BLUR_BY + 2) / 2 * 2;
    const AVCodec *kind = avcodec_find_decoder(film->parameters->codec_id);
    effect->decoder = kind ? avcodec_alloc_context3(kind) : NULL;
    if (!effect->decoder || avcodec_parameters_to_context(effect->decoder, film->parameters) < 0)
        return false;
    effect->decoder->thread_count = 1;
    effect->decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
    effect->frame = av_frame_alloc();
    effect->in = av_packet_alloc();
    effect->out = av_packet_alloc();
    effect->smaller = sws_getContext(width, height, format, tiny_width, tiny_height, format,
                                     SWS_AREA, NULL, NULL, NULL);
    effect->bigger = sws_getContext(tiny_width, tiny_height, format, width, height, format,
                                    SWS_BICUBIC, NULL, NULL, NULL);
    return avcodec_open2(effect->decoder, kind, NULL) >= 0 && effect->frame && effect->in &&
           effect->out && effect->smaller && effect->bigger &&
           frame_make(&effect->shown, width, height, format) &&
           frame_make(&effect->tiny, tiny_width, tiny_height, format);
}

vd_err sim_effect_new(const sim_film *film, sim_fault fault, sim_effect **ret_effect, vd_why *why)
{
    sim_effect *effect = g_new0(sim_effect, 1);
    effect->fault = fault;
    vd_err err = sim_encoder_open(film->codec, film->width_px, film->height_px, film->fps, true,
                                  &effect->encoder, why);
    if (!err && !effect_make(effect, film)) err = vd_fail(why, VD_FULL, "no memory for a fault");
    if (err)
        sim_effect_free(effect);
    else
        *ret_effect = effect;
    return err;
}

static void draw(sim_effect *effect)
{
    AVFrame *shown = effect->shown;
    const AVFrame *from = effect->frame;
    const uint8_t *const *planes = (const uint8_t *const *)from->data;
    if (effect->fault == SIM_FROZEN && effect->count > 0) return;
    if (av_frame_make_writable(shown) < 0) return;
    if (effect->fault == SIM_BLACK) {
        ptrdiff_t strides[4];
        for (int i = 0; i < 4; i++) strides[i] = shown->linesize[i];
        av_image_fill_black(shown->data, strides, shown->format, effect->encoder->color_range,
                            shown->width, shown->height);
    } else if (effect->fault == SIM_FROZEN) {
        av_image_copy(shown->data, shown->linesize, (const uint8_t **)(uintptr_t)from->data,
                      from->linesize, shown->format, shown->width, shown->height);
    } else {
        sws_scale(effect->smaller, planes, from->linesize, 0, from->height, effect->tiny->data,
                  effect->tiny->linesize);
        sws_scale(effect->bigger, (const uint8_t *const *)effect->tiny->data,
                  effect->tiny->linesize, 0, effect->tiny->height, shown->data, shown->linesize);
    }
}

vd_slice sim_effect_put(sim_effect *effect, vd_slice packet)
{
    av_packet_unref(effect->out);
    if (av_new_packet(effect->in, (int)packet.len) < 0) return VD_SLICE_NONE;
    memcpy(effect->in->data, packet.data, packet.len);
    avcodec_send_packet(effect->decoder, effect->in);
    av_packet_unref(effect->in);
    if (avcodec_receive_frame(effect->decoder, effect->frame) < 0) return VD_SLICE_NONE;
    if (effect->frame->width == effect->shown->width &&
        effect->frame->height == effect->shown->height)
        draw(effect);
    effect->shown->pts = effect->count++;
    effect->shown->quality = effect->encoder->global_quality;
    if (avcodec_send_frame(effect->encoder, effect->shown) < 0 ||
        avcodec_receive_packet(effect->encoder, effect->out) < 0)
        return VD_SLICE_NONE;
    return vd_slice_of(effect->out->data, (size_t)effect->out->size);
}

sim_effect *sim_effect_free(sim_effect *effect)
{
    if (!effect) return NULL;
    avcodec_free_context(&effect->decoder);
    avcodec_free_context(&effect->encoder);
    av_frame_free(&effect->frame);
    av_frame_free(&effect->shown);
    av_frame_free(&effect->tiny);
    av_packet_free(&effect->in);
    av_packet_free(&effect->out);
    sws_freeContext(effect->smaller);
    sws_freeContext(effect->bigger);
    g_free(effect);
    return NULL;
}
