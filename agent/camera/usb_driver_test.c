/* A scripted Video4Linux driver under the real child, in its real sandbox: what child_usb.c asks of
 * the kernel is answered here, by the rules of the V4L2 API. The "device" is a plain file that the
 * test writes: the script, read anew at each request.
 *
 *   formats=YUYV,MJPG   what it offers            busy=1   another program streams
 *   gone=1              it was unplugged          metadata=1   it is the camera's other node
 *   errors=1            its pictures are damaged
 *
 * A device whose script is no script answers like any file: ENOTTY. */
#include <errno.h>
#include <libavutil/imgutils.h>
#include <stdio.h>
#include <unistd.h>

#include "child_priv.h"
#include "child_usb_priv.h"
#include "vd/clock.h"

#define COUNT_MAX 8
#define FRAME_US  20000

static struct {
    char script[512];
    struct v4l2_pix_format pix;
    uint8_t *memory;
    size_t each;
    unsigned count;
    unsigned queue[COUNT_MAX], queued; /* oldest first */
    bool streams;
    uint32_t number;
    int64_t due_us;
    jpeg_encoder jpeg;
    AVCodecContext *h264;
} driver;

static bool scripted(const char *word)
{
    return strstr(driver.script, word) != NULL;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int read_script(int fd)
{
    const ssize_t got = pread(fd, driver.script, sizeof driver.script - 1, 0);
    driver.script[got > 0 ? got : 0] = 0;
    if (!scripted("formats=")) return fail(ENOTTY);
    return scripted("gone=1") ? fail(ENODEV) : 0;
}

/* The n-th offered format; 0: there are not so many. */
static uint32_t offered(unsigned n)
{
    const char *at = strstr(driver.script, "formats=") + 8;
    while (n-- && at) {
        at = strpbrk(at, ", \n");
        at = at && *at == ',' ? at + 1 : NULL;
    }
    if (!at || strcspn(at, ", \n") != 4) return 0;
    return v4l2_fourcc(at[0], at[1], at[2], at[3]);
}

static int query(struct v4l2_capability *able)
{
    snprintf((char *)able->card, sizeof able->card, "Scripted Camera");
    able->device_caps = scripted("metadata=1") ? V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING
                                               : V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    able->capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    return 0;
}

static int set_format(struct v4l2_format *wish)
{
    struct v4l2_pix_format *pix = &wish->fmt.pix;
    bool known = false;
    if (scripted("busy=1") || driver.count) return fail(EBUSY);
    for (unsigned i = 0; offered(i); i++) known |= offered(i) == pix->pixelformat;
    if (!known) pix->pixelformat = offered(0);
    const bool small = pix->width < 480; /* it has two sizes */
    pix->width = small ? 320 : 640;
    pix->height = small ? 240 : 480;
    pix->field = V4L2_FIELD_NONE;
    const unsigned bytes = pix->pixelformat == V4L2_PIX_FMT_YUYV ? 2 : 1;
    pix->bytesperline = pix->width * bytes + 64; /* lines with room behind them, as some have */
    pix->sizeimage = pix->bytesperline * pix->height * 2;
    driver.pix = *pix;
    return 0;
}

static int request_buffers(struct v4l2_requestbuffers *wish)
{
    if (scripted("busy=1")) return fail(EBUSY);
    if (wish->memory != V4L2_MEMORY_MMAP || !driver.pix.sizeimage) return fail(EINVAL);
    driver.count = wish->count = wish->count < COUNT_MAX ? wish->count : COUNT_MAX;
    driver.each = (driver.pix.sizeimage + 4095) / 4096 * 4096;
    driver.memory = calloc(driver.count, driver.each);
    return driver.memory ? 0 : fail(ENOMEM);
}

static int query_buffer(struct v4l2_buffer *buffer)
{
    if (buffer->index >= driver.count) return fail(EINVAL);
    buffer->length = (uint32_t)driver.each;
    buffer->m.offset = (uint32_t)(buffer->index * driver.each);
    return 0;
}

static int queue_buffer(const struct v4l2_buffer *buffer)
{
    if (buffer->index >= driver.count) return fail(EINVAL);
    for (unsigned i = 0; i < driver.queued; i++)
        if (driver.queue[i] == buffer->index) return fail(EINVAL);
    driver.queue[driver.queued++] = buffer->index;
    return 0;
}

/* A grey ramp that moves; every row alike. */
static uint8_t luma(int x)
{
    return (uint8_t)(16 + (x + (int)driver.number * 4) % 160);
}

static size_t draw_raw(uint8_t *into)
{
    const int width = (int)driver.pix.width, height = (int)driver.pix.height;
    const size_t line = driver.pix.bytesperline;
    const bool yuyv = driver.pix.pixelformat == V4L2_PIX_FMT_YUYV;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            into[(size_t)y * line + (size_t)x * (yuyv ? 2 : 1)] = luma(x);
    for (int y = 0; yuyv && y < height; y++)
        for (int x = 0; x < width; x++) into[(size_t)y * line + (size_t)x * 2 + 1] = 128;
    if (yuyv) return line * (size_t)height;
    memset(into + line * (size_t)height, 128, line * (size_t)height / 2);
    return line * (size_t)height * 3 / 2;
}

static bool h264_open(void)
{
    const AVCodec *kind = avcodec_find_encoder_by_name("libx264");
    AVDictionary *options = NULL;
    driver.h264 = kind ? avcodec_alloc_context3(kind) : NULL;
    if (!driver.h264) return false;
    driver.h264->width = (int)driver.pix.width;
    driver.h264->height = (int)driver.pix.height;
    driver.h264->pix_fmt = AV_PIX_FMT_YUV420P;
    driver.h264->time_base = (AVRational){ 1, 50 };
    driver.h264->gop_size = 10;
    driver.h264->thread_count = 1;
    av_dict_set(&options, "preset", "ultrafast", 0);
    av_dict_set(&options, "tune", "zerolatency", 0);
    const int error = avcodec_open2(driver.h264, kind, &options);
    av_dict_free(&options);
    return error >= 0;
}

static size_t draw_coded(uint8_t *into)
{
    const int width = (int)driver.pix.width, height = (int)driver.pix.height;
    uint8_t *drawing = malloc(driver.each);
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    size_t len = 0;
    bool made = false;
    if (!drawing || !frame || !packet) abort();
    (void)draw_raw(drawing);
    frame->width = width;
    frame->height = height;
    frame->format = AV_PIX_FMT_YUV420P;
    frame->pts = driver.number;
    (void)av_frame_get_buffer(frame, 0);
    for (int y = 0; y < height; y++)
        memcpy(frame->data[0] + (ptrdiff_t)y * frame->linesize[0],
               drawing + (size_t)y * driver.pix.bytesperline, (size_t)width);
    memset(frame->data[1], 128, (size_t)frame->linesize[1] * (size_t)height / 2);
    memset(frame->data[2], 128, (size_t)frame->linesize[2] * (size_t)height / 2);
    if (driver.pix.pixelformat == V4L2_PIX_FMT_MJPEG)
        made = jpeg_encode(&driver.jpeg, frame, packet, NULL) == VD_OK;
    else
        made = (driver.h264 || h264_open()) && avcodec_send_frame(driver.h264, frame) >= 0 &&
               avcodec_receive_packet(driver.h264, packet) >= 0;
    if (made && (size_t)packet->size <= driver.each) {
        len = (size_t)packet->size;
        memcpy(into, packet->data, len);
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    free(drawing);
    return len;
}

static int give_buffer(struct v4l2_buffer *buffer)
{
    const int64_t now_us = vd_clock_mono_us();
    if (!driver.streams) return fail(EINVAL);
    if (!driver.queued || now_us < driver.due_us) return fail(EAGAIN);
    buffer->index = driver.queue[0];
    memmove(driver.queue, driver.queue + 1, --driver.queued * sizeof driver.queue[0]);
    uint8_t *into = driver.memory + buffer->index * driver.each;
    const uint32_t fourcc = driver.pix.pixelformat;
    const bool coded = fourcc == V4L2_PIX_FMT_MJPEG || fourcc == V4L2_PIX_FMT_H264;
    buffer->bytesused = (uint32_t)(coded ? draw_coded(into) : draw_raw(into));
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp.tv_sec = now_us / 1000000;
    buffer->timestamp.tv_usec = now_us % 1000000;
    if (scripted("errors=1")) buffer->flags |= V4L2_BUF_FLAG_ERROR;
    driver.number++;
    driver.due_us = now_us + FRAME_US;
    return 0;
}

static int stream_on(void)
{
    if (scripted("busy=1")) return fail(EBUSY);
    driver.streams = driver.queued > 0;
    return driver.streams ? 0 : fail(EINVAL);
}

int usb_control(int fd, unsigned long request, void *arg)
{
    struct v4l2_fmtdesc *format = arg;
    if (read_script(fd)) return -1;
    switch (request) {
    case VIDIOC_QUERYCAP: return query(arg);
    case VIDIOC_ENUM_FMT:
        format->pixelformat = offered(format->index);
        return format->pixelformat ? 0 : fail(EINVAL);
    case VIDIOC_S_FMT: return set_format(arg);
    case VIDIOC_S_PARM: return 0;
    case VIDIOC_REQBUFS: return request_buffers(arg);
    case VIDIOC_QUERYBUF: return query_buffer(arg);
    case VIDIOC_QBUF: return queue_buffer(arg);
    case VIDIOC_DQBUF: return give_buffer(arg);
    case VIDIOC_STREAMON: return stream_on();
    default: return fail(ENOTTY);
    }
}

void *usb_map(int fd, size_t len, off_t offset)
{
    (void)fd;
    if (len != driver.each || (size_t)offset % driver.each) return NULL;
    return driver.memory + offset;
}

bool usb_ready(int fd, int timeout_ms)
{
    const int64_t until_us = vd_clock_mono_us() + timeout_ms * INT64_C(1000);
    for (;;) {
        if (read_script(fd)) return true; /* an error is ready */
        const int64_t now_us = vd_clock_mono_us();
        if (now_us >= driver.due_us && driver.queued) return true;
        if (now_us >= until_us) return false;
        usleep(2000);
    }
}
