/* g7_tensor PICTURES [CHAIN] - a 1080p picture into a 512x512 normalised tensor, again and again,
 * in one thread; with a chain, prepared by it first. */
#include "bench.h"
#include "prepare.h"

enum { WIDTH = 1920, HEIGHT = 1080, SIDE = 512 };

int main(int argc, char **argv)
{
    static uint8_t luma[WIDTH * HEIGHT], chroma[WIDTH * HEIGHT / 4];
    static float tensor[3 * SIDE * SIDE];
    const vd_picture picture = { .width_px = WIDTH,
                                 .height_px = HEIGHT,
                                 .plane = { luma, chroma, chroma },
                                 .stride = { WIDTH, WIDTH / 2, WIDTH / 2 } };
    const long pictures = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
    vd_chain chain = { 0 };
    vd_preparer *preparer = NULL;
    vd_prepared prepared;
    vd_tensor_map map;
    vd_why why = { 0 };

    for (unsigned i = 0; i < sizeof luma; i++) luma[i] = (uint8_t)(i * 7 + i / WIDTH * 13);
    for (unsigned i = 0; i < sizeof chroma; i++) chroma[i] = (uint8_t)(96 + i % 64);
    if (argc > 2)
        bench_need(vd_chain_parse(vd_slice_str(argv[2]), "chain", VD_CHAIN_OF_MODEL, &chain, &why),
                   &why);
    bench_need(vd_preparer_new(&preparer), NULL);
    int64_t start = vd_clock_mono_us();
    for (long i = 0; i < pictures; i++) {
        vd_tensor_spec spec = { .width_px = SIDE,
                                .height_px = SIDE,
                                .fit = VD_FIT_STRETCH,
                                .mean = { 123.7f, 116.3f, 103.5f },
                                .scale = { 0.0171f, 0.0175f, 0.0174f } };
        vd_chain_spec(&chain, &spec);
        bench_need(vd_preparer_run(preparer, &chain, &picture, NULL, &spec, &prepared, &why), &why);
        spec.light = prepared.light;
        vd_picture_tensor(&prepared.picture, &prepared.part, &spec, tensor, &map);
    }
    printf("{\"ms\": %.4f, \"first\": %.4f}\n",
           bench_seconds_since(start) * 1e3 / (double)(pictures > 0 ? pictures : 1),
           (double)tensor[0]);
    vd_preparer_free(preparer);
    return 0;
}
