/* peer_decode FILE - the bare libavcodec loop: demux, decode, forget. One thread, every picture. */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TIMES_MAX = 100000 };
static double times_ms[TIMES_MAX];

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static unsigned long long drain(AVCodecContext *decoder, AVFrame *frame)
{
    unsigned long long pictures = 0;
    while (avcodec_receive_frame(decoder, frame) == 0) pictures++;
    return pictures;
}

static AVCodecContext *open_decoder(const AVStream *stream)
{
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    if (!decoder || avcodec_parameters_to_context(decoder, stream->codecpar) < 0) return NULL;
    decoder->thread_count = 1;
    return avcodec_open2(decoder, codec, NULL) < 0 ? NULL : decoder;
}

int main(int argc, char **argv)
{
    AVFormatContext *input = NULL;
    if (argc < 2 || avformat_open_input(&input, argv[1], NULL, NULL) < 0 ||
        avformat_find_stream_info(input, NULL) < 0) {
        fprintf(stderr, "peer_decode: cannot open the file\n");
        return 1;
    }
    int video = av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    AVCodecContext *decoder = video < 0 ? NULL : open_decoder(input->streams[video]);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    unsigned long long pictures = 0;
    size_t count = 0;
    if (!decoder || !packet || !frame) return 1;
    while (av_read_frame(input, packet) == 0) {
        double before = now_ms();
        if (packet->stream_index == video && avcodec_send_packet(decoder, packet) == 0)
            pictures += drain(decoder, frame);
        if (packet->stream_index == video && count < TIMES_MAX)
            times_ms[count++] = now_ms() - before;
        av_packet_unref(packet);
    }
    if (avcodec_send_packet(decoder, NULL) == 0) pictures += drain(decoder, frame);
    qsort(times_ms, count, sizeof *times_ms, by_size);
    printf("{\"pictures\":%llu,\"p95_ms\":%.3f}\n", pictures,
           count ? times_ms[(count * 95 - 1) / 100] : 0);
    return 0;
}
