#include "convert.h"

#include <dirent.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inference.h"
#include "onnx_priv.h"
#include "quant_priv.h"
#include "vd/file.h"
#include "vd/test.h"

enum { SIDE = 32, PICTURES = 6, CHANNELS = 8, WIDE = 24, FILTER = 3 * 3 * 3, PATH_ROOM = 512 };

typedef struct {
    char dir[64], model[PATH_ROOM], picture[PICTURES][PATH_ROOM];
    const char *pictures[PICTURES];
} desk;

/* Which of eight colours: a convolution, a Relu, the mean over the picture, as scores. */
static void write_model(const desk *d, float spoil)
{
    VD_AUTO(onnx_writer) w = onnx_writer_init();
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    float filter[CHANNELS * FILTER], bias[CHANNELS];
    const int64_t filter_dims[4] = { CHANNELS, 3, 3, 3 }, bias_dims[1] = { CHANNELS };
    const int64_t in_dims[4] = { 1, 3, SIDE, SIDE }, out_dims[4] = { 1, CHANNELS, 1, 1 };
    for (int c = 0; c < CHANNELS; c++) {
        bias[c] = 0.1f * (float)c;
        for (int i = 0; i < FILTER; i++) {
            float sign = c & (1 << (i / 9)) ? 1.0f : -1.0f; /* likes or dislikes a colour */
            filter[c * FILTER + i] = sign * (0.02f + 0.001f * (float)(i % 9)) * spoil;
        }
    }
    onnx_initializer(&w, "filter", ONNX_FLOAT, filter_dims, 4, vd_slice_of(filter, sizeof filter));
    onnx_initializer(&w, "bias", ONNX_FLOAT, bias_dims, 1, vd_slice_of(bias, sizeof bias));
    onnx_node(&w, "Conv", (const char *[]){ "in", "filter", "bias" }, 3, (const char *[]){ "a" },
              1);
    onnx_attr_ints(&w, "pads", (const int64_t[]){ 1, 1, 1, 1 }, 4);
    onnx_node_end(&w);
    onnx_node(&w, "Relu", (const char *[]){ "a" }, 1, (const char *[]){ "b" }, 1);
    onnx_node_end(&w);
    onnx_node(&w, "GlobalAveragePool", (const char *[]){ "b" }, 1, (const char *[]){ "scores" }, 1);
    onnx_node_end(&w);
    onnx_io(&w, ONNX_INPUT, "in", ONNX_FLOAT, in_dims, 4);
    onnx_io(&w, ONNX_OUTPUT, "scores", ONNX_FLOAT, out_dims, 4);
    expect_ok(onnx_finish(&w, "colours", NULL, &onnx, NULL));
    expect_ok(vd_file_save(d->model, 0644, vd_buf_slice(&onnx), NULL));
}

static void node_of(onnx_writer *w, const char *op, const char *a, const char *b, const char *out)
{
    onnx_node(w, op, (const char *[]){ a, b }, b ? 2 : 1, &out, 1);
    if (strcmp(op, "HardSigmoid") == 0) {
        onnx_attr_float(w, "alpha", 1.0f / 6);
        onnx_attr_float(w, "beta", 0.5f);
    }
    onnx_node_end(w);
}

/* A convolution over three channels, one over 24, and a hard swish: sums that reach well below
 * -3, where it gives 0. */
static void write_swish_model(const desk *d)
{
    VD_AUTO(onnx_writer) w = onnx_writer_init();
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    float first[WIDE * 3], second[WIDE * WIDE];
    const int64_t first_dims[4] = { WIDE, 3, 1, 1 }, second_dims[4] = { WIDE, WIDE, 1, 1 };
    const int64_t last_dims[4] = { CHANNELS, WIDE, 1, 1 };
    const int64_t in_dims[4] = { 1, 3, SIDE, SIDE }, out_dims[4] = { 1, CHANNELS, 1, 1 };
    for (int i = 0; i < WIDE * 3; i++) first[i] = (float)(i * 7 % 11) * 0.3f - 1.2f;
    for (int i = 0; i < WIDE * WIDE; i++) second[i] = (float)(i * 5 % 13) * 0.8f - 5.6f;
    onnx_initializer(&w, "first", ONNX_FLOAT, first_dims, 4, vd_slice_of(first, sizeof first));
    onnx_initializer(&w, "second", ONNX_FLOAT, second_dims, 4, vd_slice_of(second, sizeof second));
    onnx_initializer(&w, "last", ONNX_FLOAT, last_dims, 4,
                     vd_slice_of(second, CHANNELS * WIDE * sizeof *second));
    node_of(&w, "Conv", "in", "first", "a");
    node_of(&w, "Relu", "a", NULL, "b");
    node_of(&w, "Conv", "b", "second", "c");
    node_of(&w, "HardSigmoid", "c", NULL, "gate");
    node_of(&w, "Mul", "c", "gate", "d");
    node_of(&w, "Conv", "d", "last", "e");
    node_of(&w, "GlobalAveragePool", "e", NULL, "scores");
    onnx_io(&w, ONNX_INPUT, "in", ONNX_FLOAT, in_dims, 4);
    onnx_io(&w, ONNX_OUTPUT, "scores", ONNX_FLOAT, out_dims, 4);
    expect_ok(onnx_finish(&w, "colours", NULL, &onnx, NULL));
    expect_ok(vd_file_save(d->model, 0644, vd_buf_slice(&onnx), NULL));
}

/* As detectors end: scores of cells, the largest around each, and whether a cell is it. */
static void write_peak_graph(vd_buf *onnx)
{
    VD_AUTO(onnx_writer) w = onnx_writer_init();
    static const float filter[WIDE * WIDE] = { 1 };
    const int64_t filter_dims[4] = { WIDE, WIDE, 1, 1 }, dims[4] = { 1, WIDE, 8, 8 };
    onnx_initializer(&w, "filter", ONNX_FLOAT, filter_dims, 4, vd_slice_of(filter, sizeof filter));
    node_of(&w, "Conv", "in", "filter", "raw");
    node_of(&w, "Sigmoid", "raw", NULL, "scores");
    node_of(&w, "MaxPool", "scores", NULL, "largest");
    node_of(&w, "Equal", "scores", "largest", "same");
    node_of(&w, "Where", "same", "scores", "out");
    onnx_io(&w, ONNX_INPUT, "in", ONNX_FLOAT, dims, 4);
    onnx_io(&w, ONNX_OUTPUT, "out", ONNX_FLOAT, dims, 4);
    expect_ok(onnx_finish(&w, "peaks", NULL, onnx, NULL));
}

/* `more` ends the descriptor: a chain. */
static void write_descriptor(const desk *d, const char *more)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    char path[PATH_ROOM];
    expect_true(vd_buf_addf(&yaml,
                            "name: colours\nfile: colours.onnx\ninput:\n  size: [32, 32]\n"
                            "  fit: stretch\n  scale: 0.0039\noutput:\n"
                            "  decode: classification\n  activation: softmax\nclasses:\n"
                            "  - a\n  - b\n  - c\n  - d\n  - e\n  - f\n  - g\n  - h\n"
                            "score_min: 0.1\n%s",
                            more));
    snprintf(path, sizeof path, "%s/colours.model.yaml", d->dir);
    expect_ok(vd_file_save(path, 0644, vd_buf_slice(&yaml), NULL));
}

/* One colour; with `corner` only in a quarter of it, left above, and glaring elsewhere. */
static void write_picture(const desk *d, int index, bool corner)
{
    static uint8_t y[SIDE * SIDE], u[SIDE * SIDE / 4], v[SIDE * SIDE / 4];
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 20);
    vd_picture picture = { .plane = { y, u, v },
                           .stride = { SIDE, SIDE / 2, SIDE / 2 },
                           .width_px = SIDE,
                           .height_px = SIDE };
    vd_frame *frame = NULL;
    memset(y, 60 + 30 * index, sizeof y);
    memset(u, 40 + 35 * index, sizeof u);
    memset(v, 220 - 35 * index, sizeof v);
    for (int i = 0; corner && i < SIDE * SIDE; i++)
        if (i % SIDE >= SIDE / 2 || i / SIDE >= SIDE / 2) y[i] = 255;
    expect_ok(vd_frame_copy(&picture, &frame));
    expect_ok(vd_frame_jpeg(frame, 0, 95, &jpeg, NULL));
    vd_frame_unref(frame);
    expect_ok(vd_file_save(d->picture[index], 0644, vd_buf_slice(&jpeg), NULL));
}

static void desk_new(desk *d, float spoil)
{
    *d = (desk){ .dir = "/tmp/vedette-quantize-XXXXXX" };
    expect_true(mkdtemp(d->dir) != NULL);
    snprintf(d->model, sizeof d->model, "%s/colours.onnx", d->dir);
    write_model(d, spoil);
    write_descriptor(d, "");
    for (int i = 0; i < PICTURES; i++) {
        snprintf(d->picture[i], PATH_ROOM, "%s/%d.jpg", d->dir, i);
        d->pictures[i] = d->picture[i];
        write_picture(d, i, false);
    }
}

static unsigned entries_of(const char *dir)
{
    unsigned count = 0;
    DIR *open = opendir(dir);
    for (struct dirent *entry; open && (entry = readdir(open));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (open) closedir(open);
    return count;
}

static int remove_entry(const char *path, const struct stat *at, int flag, struct FTW *walk)
{
    (void)at, (void)flag, (void)walk;
    return remove(path);
}

static void desk_done(desk *d)
{
    expect_i64(nftw(d->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}
VD_AUTO_DEFINE(desk, desk_done)

static bool runtime_is_here(const desk *d)
{
    vd_model *model = NULL;
    vd_why why = { 0 };
    vd_err err = vd_model_load(d->model, NULL, &model, &why);
    vd_model_free(model);
    if (err) print_message("%s: %s\n", why.fact, why.detail);
    return err == VD_OK;
}

static vd_quantize_options options_of(const desk *d, double budget)
{
    return (vd_quantize_options){
        .pictures = d->pictures, .picture_count = PICTURES, .threads = 1, .budget_points = budget
    };
}

// covers: CIR-7
VD_TEST(a_quantised_model_has_int8_weights_and_says_the_same)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    if (!runtime_is_here(&d)) skip();
    vd_quantize_options options = options_of(&d, 1);
    vd_quantize_result r;
    vd_why why = { 0 };
    if (vd_quantize(d.model, d.dir, &options, &r, &why)) fail_msg("%s: %s", why.fact, why.detail);
    expect_str(strrchr(r.model_path, '/'), "/colours-int8.onnx");
    expect_u64(r.layers, 1);
    expect_u64(r.layers_kept, 0);
    expect_true(r.points_before - r.points_after <= 1);
    expect_true(r.ms_before > 0 && r.ms_after > 0);

    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    q_graph graph;
    vd_onnx_info info;
    expect_ok(vd_file_load(r.model_path, &onnx, NULL));
    expect_ok(q_graph_read(vd_buf_slice(&onnx), arena, &graph, NULL));
    unsigned int8 = 0, floats = 0;
    for (unsigned t = 0; t < graph.tensor_count; t++) {
        int8 += graph.tensor[t].type == 3 && graph.tensor[t].rank == 4;
        floats += graph.tensor[t].type == 1 && graph.tensor[t].rank == 4;
    }
    expect_u64(int8, 1);
    expect_u64(floats, 0);
    expect_ok(vd_onnx_inspect(vd_buf_slice(&onnx), &info, NULL));
    expect_true(strncmp(info.source, "sha256:", 7) == 0);
    expect_str(info.source + 7, r.float_digest.hex);
}

// covers: CIR-7, PRE-1
VD_TEST(calibration_sees_pictures_as_the_chains_of_model_and_camera_make_them)
{
    static const char crop[] = "[{crop: [0, 0, 0.5, 0.5]}]";
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    if (!runtime_is_here(&d)) skip();
    vd_quantize_options options = options_of(&d, 100);
    vd_quantize_result plain, corners, of_model, of_camera;
    vd_chain camera;
    expect_ok(vd_quantize(d.model, d.dir, &options, &plain, NULL));
    for (int i = 0; i < PICTURES; i++) write_picture(&d, i, true);
    expect_ok(vd_quantize(d.model, d.dir, &options, &corners, NULL));
    expect_true(strcmp(corners.model_digest.hex, plain.model_digest.hex) != 0);

    expect_ok(vd_chain_parse(vd_slice_str(crop), "camera", VD_CHAIN_OF_CAMERA, &camera, NULL));
    options.chain = &camera;
    expect_ok(vd_quantize(d.model, d.dir, &options, &of_camera, NULL));
    options.chain = NULL;
    write_descriptor(&d, "chain: [{crop: [0, 0, 0.5, 0.5]}]\n");
    expect_ok(vd_quantize(d.model, d.dir, &options, &of_model, NULL));
    expect_str(of_camera.model_digest.hex, plain.model_digest.hex);
    expect_str(of_model.model_digest.hex, plain.model_digest.hex);
}

static const q_tensor *tensor_of(const q_graph *g, const char *name)
{
    for (unsigned t = 0; t < g->tensor_count; t++)
        if (strcmp(g->value[g->tensor[t].value].name, name) == 0) return &g->tensor[t];
    return NULL;
}

static unsigned nodes_of(const q_graph *g, const char *op)
{
    unsigned count = 0;
    for (unsigned n = 0; n < g->node_count; n++) count += strcmp(g->node[n].op, op) == 0;
    return count;
}

// covers: CIR-7
VD_TEST(a_hard_swish_is_computed_in_int8_and_wastes_no_steps_where_it_is_nothing)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    write_swish_model(&d);
    if (!runtime_is_here(&d)) skip();
    vd_quantize_options options = options_of(&d, 3);
    vd_quantize_result r;
    vd_why why = { 0 };
    if (vd_quantize(d.model, d.dir, &options, &r, &why)) fail_msg("%s: %s", why.fact, why.detail);

    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    q_graph graph;
    float scale;
    expect_ok(vd_file_load(r.model_path, &onnx, NULL));
    expect_ok(q_graph_read(vd_buf_slice(&onnx), arena, &graph, NULL));
    expect_u64(nodes_of(&graph, "HardSigmoid"), 0);
    expect_u64(nodes_of(&graph, "Add"), 1);
    const q_tensor *step = tensor_of(&graph, "c#scale"), *zero = tensor_of(&graph, "c#zero");
    expect_true(step && zero && step->raw.len == sizeof scale);
    memcpy(&scale, step->raw.data, sizeof scale);
    expect_true(fabsf((float)zero->raw.data[0] * scale - 3) <= scale);
}

static const q_node *maker_of(const q_graph *g, const char *name)
{
    for (unsigned n = 0; n < g->node_count; n++)
        if (strcmp(g->value[g->node[n].out[0]].name, name) == 0) return &g->node[n];
    return NULL;
}

// covers: CIR-7
VD_TEST(peaks_are_looked_for_in_int8_before_the_sigmoid)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    q_graph g;
    q_plan plan;
    write_peak_graph(&onnx);
    expect_ok(q_graph_read(vd_buf_slice(&onnx), arena, &g, NULL));
    q_peaks_move(&g);
    const q_node *pool = maker_of(&g, "largest"), *equal = maker_of(&g, "same");
    expect_str(g.value[pool->in[0]].name, "raw");
    expect_str(g.value[equal->in[0]].name, "raw");
    expect_str(g.value[equal->in[1]].name, "largest");
    expect_str(g.value[maker_of(&g, "out")->in[1]].name, "scores");
    expect_u64(g.value[pool->in[0]].uses, 3);
    expect_u64(g.value[maker_of(&g, "scores")->out[0]].uses, 1);

    expect_ok(q_plan_new(&g, &plan, NULL));
    q_plan_make(&plan);
    expect_i64(plan.mode[pool - g.node], Q_PASS);
    plan.keep[0] = true;
    q_plan_make(&plan);
    expect_i64(plan.mode[pool - g.node], Q_FLOAT);
}

// covers: CIR-7
VD_TEST(a_convolution_over_three_channels_stays_float_where_there_are_others)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    unsigned alone, among_others;
    expect_ok(vd_file_load(d.model, &onnx, NULL));
    expect_ok(vd_quantize_look(vd_buf_slice(&onnx), &alone, NULL));
    write_swish_model(&d);
    vd_buf_clear(&onnx);
    expect_ok(vd_file_load(d.model, &onnx, NULL));
    expect_ok(vd_quantize_look(vd_buf_slice(&onnx), &among_others, NULL));
    expect_u64(alone, 1);
    expect_u64(among_others, 2);
}

typedef struct {
    unsigned calls;
    double points[4];
} scripted;

static vd_err scripted_judge(void *ctx, const char *model_path, double *ret_points, vd_why *why)
{
    scripted *s = ctx;
    (void)model_path;
    (void)why;
    *ret_points = s->points[s->calls < 3 ? s->calls : 3];
    s->calls++;
    return VD_OK;
}

// covers: CIR-7
VD_TEST(a_model_that_would_lose_too_much_is_refused_and_nothing_is_written)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    if (!runtime_is_here(&d)) skip();
    scripted s = { .points = { 90, 80, 80, 80 } };
    vd_quantize_options options = options_of(&d, 1);
    options.judge = scripted_judge;
    options.ctx = &s;
    vd_quantize_result r;
    vd_why why = { 0 };
    unsigned before = entries_of(d.dir);
    expect_err(vd_quantize(d.model, d.dir, &options, &r, &why), VD_INVALID);
    expect_true(strstr(why.detail, "90.00 before, 80.00 after") != NULL);
    expect_u64(entries_of(d.dir), before);
}

// covers: CIR-7
VD_TEST(numbers_that_are_none_are_named_and_nothing_is_written)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    if (!runtime_is_here(&d)) skip();
    write_model(&d, NAN);
    vd_quantize_options options = options_of(&d, 1);
    vd_quantize_result r;
    vd_why why = { 0 };
    unsigned before = entries_of(d.dir);
    expect_err(vd_quantize(d.model, d.dir, &options, &r, &why), VD_INVALID);
    expect_true(strstr(why.fact, "numbers that are none") != NULL);
    expect_u64(entries_of(d.dir), before);
}

VD_TEST(a_cut_file_is_refused_wherever_it_is_cut)
{
    VD_AUTO(desk) d = { 0 };
    desk_new(&d, 1);
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    expect_ok(vd_file_load(d.model, &onnx, NULL));
    for (size_t len = 0; len < onnx.len; len += 7) {
        q_graph graph;
        vd_arena_clear(arena);
        vd_err err = q_graph_read(vd_slice_of(onnx.data, len), arena, &graph, NULL);
        expect_true(err == VD_CORRUPT || err == VD_OK); /* a cut between fields of the end */
    }
    vd_quantize_options options = options_of(&d, 1);
    vd_quantize_result r;
    expect_ok(vd_file_save(d.model, 0644, vd_slice_of(onnx.data, onnx.len / 2), NULL));
    expect_err(vd_quantize(d.model, d.dir, &options, &r, NULL), VD_CORRUPT);
}

VD_TEST_MAIN(VD_RUN(a_quantised_model_has_int8_weights_and_says_the_same),
             VD_RUN(calibration_sees_pictures_as_the_chains_of_model_and_camera_make_them),
             VD_RUN(a_model_that_would_lose_too_much_is_refused_and_nothing_is_written),
             VD_RUN(a_hard_swish_is_computed_in_int8_and_wastes_no_steps_where_it_is_nothing),
             VD_RUN(peaks_are_looked_for_in_int8_before_the_sigmoid),
             VD_RUN(a_convolution_over_three_channels_stays_float_where_there_are_others),
             VD_RUN(numbers_that_are_none_are_named_and_nothing_is_written),
             VD_RUN(a_cut_file_is_refused_wherever_it_is_cut))
