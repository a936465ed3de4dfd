/* What a model is trained on is what it will see: a labelled picture behind its model's chain. */
#include <math.h>
#include <stdlib.h>

#include "vd/test.h"
#include "view_priv.h"

enum { W = 96, H = 64, SIDE = 48 };

typedef struct {
    vd_frame *frame;
    vd_chain chain;
    vd_descriptor_facts facts;
    view *view;
} bench;

/* A dark picture with a bright thing in it. */
static void bench_new(bench *b, const char *chain, const set_box *thing)
{
    static uint8_t luma[W * H], chroma[W * H / 4];
    const vd_picture picture = { .width_px = W,
                                 .height_px = H,
                                 .full_range = true,
                                 .plane = { luma, chroma, chroma },
                                 .stride = { W, W / 2, W / 2 } };
    memset(luma, 20, sizeof luma);
    memset(chroma, 128, sizeof chroma);
    for (int y = (int)lroundf(thing->t * H); y < (int)lroundf((thing->t + thing->h) * H); y++)
        memset(&luma[y * W + (int)lroundf(thing->l * W)], 230, (size_t)lroundf(thing->w * W));
    *b = (bench){ .facts = { .tensor = { .width_px = SIDE,
                                         .height_px = SIDE,
                                         .fit = VD_FIT_STRETCH,
                                         .scale = { 1, 1, 1 } } },
                  .view = calloc(1, sizeof *b->view) };
    expect_ok(vd_frame_copy(&picture, &b->frame));
    expect_ok(vd_chain_parse(vd_slice_str(chain), "chain", VD_CHAIN_OF_MODEL, &b->chain, NULL));
    b->facts.chain = &b->chain;
    vd_chain_spec(&b->chain, &b->facts.tensor);
    expect_ok(view_init(b->view, &b->facts.tensor, NULL));
}

static void bench_done(bench *b)
{
    view_done(b->view);
    free(b->view);
    vd_frame_unref(b->frame);
}
VD_AUTO_DEFINE(bench, bench_done)

static void make(const bench *b, set_box *thing, unsigned number)
{
    const set_picture picture = { .digest = "0123456789abcdef", .box_count = 1, .box = thing };
    const trainer_settings settings = {
        .augment = true, .flip = 0.5, .scale = 0.2, .colour = 0, .seed = 3
    };
    expect_ok(view_make(b->frame, &picture, number, &settings, &b->facts, b->view, NULL));
}

/* Mean of the red plane in or around the box; both need some pixels. */
static double mean(const view *v, bool inside, int margin)
{
    double sum = 0;
    unsigned count = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float by = (float)(inside ? -margin : margin);
            bool in = (float)x >= v->box[0].l - by && (float)x + 1 <= v->box[0].r + by &&
                      (float)y >= v->box[0].t - by && (float)y + 1 <= v->box[0].b + by;
            if (in != inside) continue;
            sum += (double)v->tensor[y * SIDE + x];
            count++;
        }
    expect_true(count > 20);
    return sum / count;
}

// covers: PRE-1 CIR-4
VD_TEST(a_box_follows_its_thing_through_every_chain_and_every_form_of_the_picture)
{
    static const char *const chains[] = {
        "[]",
        "[{rotate: 90}]",
        "[{rotate: 180}, {crop: [0.1, 0.05, 0.95, 0.9]}]",
        "[{crop: [0.1, 0.1, 0.9, 0.9]}, {rotate: 270}, denoise]",
        "[{crop: [0.1, 0.1, 0.9, 0.9]}, {denoise: {strength: 4}}, {clahe: {limit: 1.2}}, grey]",
        "[{undistort: {focal: [0.8, 1.1], k1: -0.25, k2: 0.06}}]",
        "[{rotate: 4}, {light: {gamma: 0.9}}, {resize: letterbox}]",
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        set_box thing = { 0.1875f, 0.25f, 0.25f, 0.25f, 0 };
        VD_AUTO(bench) b = { 0 };
        bench_new(&b, chains[i], &thing);
        for (unsigned number = 0; number < 4; number++) {
            make(&b, &thing, number);
            expect_u64(b.view->box_count, 1);
            double in = mean(b.view, true, 2), out = mean(b.view, false, 3);
            if (in < 180 || out > 110)
                fail_msg("%s, form %u: %g in, %g out", chains[i], number, in, out);
        }
    }
}

// covers: PRE-1 CIR-4
VD_TEST(a_box_that_the_chain_crops_away_is_no_label)
{
    set_box thing = { 0.7f, 0.1f, 0.2f, 0.2f, 0 };
    VD_AUTO(bench) b = { 0 };
    bench_new(&b, "[{crop: [0, 0, 0.5, 1]}]", &thing);
    make(&b, &thing, 0);
    expect_u64(b.view->box_count, 0);
    thing.l = 0.35f;
    make(&b, &thing, 0);
    expect_u64(b.view->box_count, 1);
    expect_near(b.view->box[0].r, SIDE, 0.01);
}

// covers: PRE-1 CIR-4
VD_TEST(light_of_the_chain_is_in_what_is_trained_on)
{
    set_box thing = { 0.4f, 0.4f, 0.25f, 0.25f, 0 };
    VD_AUTO(bench) plain = { 0 }, dark = { 0 };
    bench_new(&plain, "[]", &thing);
    bench_new(&dark, "[{light: {brightness: -0.3}}]", &thing);
    make(&plain, &thing, 0);
    make(&dark, &thing, 0);
    expect_near(mean(plain.view, true, 2) - mean(dark.view, true, 2), 0.3 * 255, 4);
}

VD_TEST_MAIN(VD_RUN(a_box_follows_its_thing_through_every_chain_and_every_form_of_the_picture),
             VD_RUN(a_box_that_the_chain_crops_away_is_no_label),
             VD_RUN(light_of_the_chain_is_in_what_is_trained_on))
