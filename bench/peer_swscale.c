/* peer_swscale PICTURES - the same as g7_tensor with libswscale, bilinear, to RGB, and a loop that
 * normalises into planes. */
#include <libswscale/swscale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WIDTH = 1920, HEIGHT = 1080, SIDE = 512 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void normalise(const uint8_t *rgb, float *tensor)
{
    static const float mean[3] = { 123.7f, 116.3f, 103.5f };
    static const float scale[3] = { 0.0171f, 0.0175f, 0.0174f };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < SIDE * SIDE; i++)
            tensor[c * SIDE * SIDE + i] = ((float)rgb[i * 3 + c] - mean[c]) * scale[c];
}

int main(int argc, char **argv)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4], rgb[SIDE * SIDE * 3];
    static float tensor[3 * SIDE * SIDE];
    const long pictures = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
    struct SwsContext *scaler =
        sws_getContext(WIDTH, HEIGHT, AV_PIX_FMT_YUV420P, SIDE, SIDE, AV_PIX_FMT_RGB24,
                       SWS_FAST_BILINEAR, NULL, NULL, NULL);
    const uint8_t *const planes[4] = { luma, chroma, chroma, NULL };
    const int strides[4] = { WIDTH, WIDTH / 2, WIDTH / 2, 0 };
    uint8_t *const into[4] = { rgb, NULL, NULL, NULL };
    const int into_stride[4] = { SIDE * 3, 0, 0, 0 };
    if (!scaler || pictures < 1) return 1;
    for (unsigned i = 0; i < sizeof luma; i++) luma[i] = (uint8_t)(i * 7 + i / WIDTH * 13);
    for (unsigned i = 0; i < sizeof chroma; i++) chroma[i] = (uint8_t)(96 + i % 64);
    double start = now_ms();
    for (long i = 0; i < pictures; i++) {
        sws_scale(scaler, planes, strides, 0, HEIGHT, into, into_stride);
        normalise(rgb, tensor);
    }
    printf("{\"ms\": %.4f, \"first\": %.4f}\n", (now_ms() - start) / (double)pictures,
           (double)tensor[0]);
    sws_freeContext(scaler);
    return 0;
}
