/* child_hw.c - hardware decoders: what is there, which of them, and pictures back out of it.
 *
 * Devices are opened, and with them the vendor's driver is loaded, before the sandbox closes and
 * before a foreign byte comes. Nothing is tried where no device node is: on a machine without such
 * hardware all this costs three calls. */
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libavutil/hwcontext.h>

#include "child_priv.h"

#define RENDER_NODES 8  /* /dev/dri/renderD128 and on */
#define VIDEO_NODES  64 /* /dev/video0 and on */

static const struct {
    const char *name;
    enum AVHWDeviceType type;
} kinds[HW_KINDS] = {
    [HW_NONE] = { "software", AV_HWDEVICE_TYPE_NONE },
    [HW_VAAPI] = { "vaapi", AV_HWDEVICE_TYPE_VAAPI },
    [HW_CUDA] = { "cuda", AV_HWDEVICE_TYPE_CUDA },
    [HW_V4L2M2M] = { "v4l2m2m", AV_HWDEVICE_TYPE_NONE },
};

const char *hw_name(hw_kind kind)
{
    return kinds[kind].name;
}

static hw_kind kind_of(const char *name)
{
    for (int i = HW_NONE + 1; i < HW_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) return (hw_kind)i;
    return HW_NONE;
}

hw_kind hw_choose(const char *wanted, unsigned there, vd_why *why)
{
    if (!wanted[0] || strcmp(wanted, "off") == 0) return HW_NONE;
    if (strcmp(wanted, "auto") == 0) {
        for (int i = HW_NONE + 1; i < HW_KINDS; i++)
            if (there & (1u << i)) return (hw_kind)i;
        return HW_NONE;
    }
    const hw_kind kind = kind_of(wanted);
    if (kind != HW_NONE && (there & (1u << kind))) return kind;
    vd_fail(why, VD_ABSENT, "there is no hardware decoder '%.15s', decoding in software", wanted);
    vd_why_hint(why, "hwaccel: auto takes what is there; the agent's user needs the right to open "
                     "the device");
    return HW_NONE;
}

static bool is_m2m_decoder(const char *path)
{
    struct v4l2_capability about = { 0 };
    const int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    const bool asked = ioctl(fd, VIDIOC_QUERYCAP, &about) == 0;
    close(fd);
    const uint32_t caps =
        about.capabilities & V4L2_CAP_DEVICE_CAPS ? about.device_caps : about.capabilities;
    return asked && (caps & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE));
}

static bool have_m2m(void)
{
    char path[32];
    for (int i = 0; i < VIDEO_NODES; i++) {
        snprintf(path, sizeof path, "/dev/video%d", i);
        if (access(path, R_OK | W_OK) == 0 && is_m2m_decoder(path)) return true;
    }
    return false;
}

static bool open_vaapi(AVBufferRef **ret_device)
{
    char path[32];
    for (int i = 0; i < RENDER_NODES; i++) {
        snprintf(path, sizeof path, "/dev/dri/renderD%d", 128 + i);
        if (access(path, R_OK | W_OK) == 0 &&
            av_hwdevice_ctx_create(ret_device, AV_HWDEVICE_TYPE_VAAPI, path, NULL, 0) >= 0)
            return true;
    }
    return false;
}

static bool open_device(hw_kind kind, AVBufferRef **ret_device)
{
    switch (kind) {
    case HW_VAAPI: return open_vaapi(ret_device);
    case HW_CUDA:
        return access("/dev/nvidiactl", R_OK | W_OK) == 0 &&
               av_hwdevice_ctx_create(ret_device, AV_HWDEVICE_TYPE_CUDA, NULL, NULL, 0) >= 0;
    case HW_V4L2M2M: return have_m2m();
    default: return false;
    }
}

void hw_open(child_hw *hw, const char *wanted, vd_why *why)
{
    const hw_kind named = kind_of(wanted);
    unsigned there = 0;
    if (named == HW_NONE && strcmp(wanted, "auto") != 0) {
        hw->kind = hw_choose(wanted, 0, why);
        return;
    }
    for (int i = HW_NONE + 1; !there && i < HW_KINDS; i++)
        if ((named == HW_NONE || named == (hw_kind)i) && open_device((hw_kind)i, &hw->device))
            there |= 1u << i;
    hw->kind = hw_choose(wanted, there, why);
}

/* What the decoder may put out, best first: what our hardware gives, else the first in memory. */
static enum AVPixelFormat choose_format(AVCodecContext *codec, const enum AVPixelFormat *formats)
{
    const AVBufferRef *device = codec->hw_device_ctx;
    const enum AVHWDeviceType type = ((const AVHWDeviceContext *)(const void *)device->data)->type;
    for (int i = 0;; i++) {
        const AVCodecHWConfig *config = avcodec_get_hw_config(codec->codec, i);
        if (!config) break;
        if (config->device_type != type) continue;
        for (const enum AVPixelFormat *f = formats; *f != AV_PIX_FMT_NONE; f++)
            if (*f == config->pix_fmt) return *f;
    }
    return avcodec_default_get_format(codec, formats);
}

static bool takes_device(const AVCodec *decoder, enum AVHWDeviceType type)
{
    const AVCodecHWConfig *config;
    for (int i = 0; (config = avcodec_get_hw_config(decoder, i)); i++)
        if (config->device_type == type &&
            (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX))
            return true;
    return false;
}

static const AVCodec *m2m_decoder(enum AVCodecID codec)
{
    char name[64];
    snprintf(name, sizeof name, "%s_v4l2m2m", avcodec_get_name(codec));
    return avcodec_find_decoder_by_name(name);
}

AVCodecContext *hw_decoder(const child_hw *hw, enum AVCodecID codec, const AVCodec **ret_decoder)
{
    const AVCodec *decoder =
        hw->kind == HW_V4L2M2M ? m2m_decoder(codec) : avcodec_find_decoder(codec);
    if (!decoder || (hw->device && !takes_device(decoder, kinds[hw->kind].type))) return NULL;
    AVCodecContext *context = avcodec_alloc_context3(decoder);
    if (context && hw->device) {
        context->hw_device_ctx = av_buffer_ref(hw->device);
        if (context->hw_device_ctx) context->get_format = choose_format;
    }
    *ret_decoder = decoder;
    return context;
}

vd_err hw_fetch(AVFrame *frame)
{
    if (!frame->hw_frames_ctx) return VD_OK;
    AVFrame *fetched = av_frame_alloc();
    const bool fine = fetched && av_hwframe_transfer_data(fetched, frame, 0) >= 0 &&
                      av_frame_copy_props(fetched, frame) >= 0;
    if (fine) {
        av_frame_unref(frame);
        av_frame_move_ref(frame, fetched);
    }
    av_frame_free(&fetched);
    return fine ? VD_OK : VD_IO;
}

void hw_close(child_hw *hw)
{
    av_buffer_unref(&hw->device);
    hw->kind = HW_NONE;
}
