#include "convert.h"
#include "fb_priv.h"
#include "inference.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/test.h"

/* The models are the fuzzer's corpus: written for it, one idea a file. */
static const char *sample(const char *name)
{
    static char path[512];
    const char *root = getenv("VEDETTE_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/fuzz/corpus/tflite/%s", root ? root : ".", name);
    return path;
}

static void load(const char *name, vd_buf *into)
{
    expect_ok(vd_file_load(sample(name), into, NULL));
}

static vd_err convert_sample(const char *name, vd_onnx_info *info, vd_why *why)
{
    VD_AUTO(vd_buf) file = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    load(name, &file);
    vd_err err = vd_convert_tflite_memory(vd_buf_slice(&file), NULL, &onnx, why);
    return err ? err : vd_onnx_inspect(vd_buf_slice(&onnx), info, why);
}

static void expect_refused(const char *name, const char *const *words)
{
    vd_onnx_info info;
    vd_why why = { 0 };
    char line[1200];
    vd_err err = convert_sample(name, &info, &why);
    vd_why_line(&why, line, sizeof line);
    for (; *words; words++) {
        if (!strstr(line, *words)) print_error("%s: '%s' does not say '%s'\n", name, line, *words);
        expect_true(strstr(line, *words) != NULL);
    }
    expect_err(err, VD_INVALID);
    expect_true(why.hint[0] != '\0');
}
#define REFUSED(name, ...) expect_refused(name, (const char *const[]){ __VA_ARGS__, NULL })

VD_TEST(a_float_model_becomes_onnx_with_channels_first)
{
    vd_onnx_info info;
    expect_ok(convert_sample("float", &info, NULL));
    expect_u64(info.input_count, 1);
    expect_str(info.input[0].name, "in");
    expect_i64(info.input[0].dim[1], 3);
    expect_i64(info.input[0].dim[3], 8);
    expect_str(info.output[0].name, "scores");
    expect_i64(info.output[0].rank, 2);
    expect_i64(info.output[0].dim[1], 4);
    expect_u64(info.transpose_count, 0);
}

VD_TEST(a_quantised_model_keeps_its_bytes)
{
    vd_onnx_info info, plain;
    expect_ok(convert_sample("quantised", &info, NULL));
    expect_ok(convert_sample("float", &plain, NULL));
    expect_i64(info.input[0].type, 1);                             /* floats go in and come out */
    expect_true(info.initializer_bytes < plain.initializer_bytes); /* the same 108 weights */
    expect_ok(convert_sample("float16", &info, NULL));
    expect_str(info.output[0].name, "scores");
}

// covers: INF-4
VD_TEST(what_the_reader_does_not_know_is_named)
{
    REFUSED("unsupported-operator", "1 of 2 operators",
            "UNIDIRECTIONAL_SEQUENCE_LSTM (node 'scores')", "nothing was written");
    REFUSED("unknown-operator", "operation 400 (node 'scores')");
    REFUSED("custom-operator", "MyOwnOperator (node 'scores')");
    REFUSED("newer-operator", "versions that are not known yet", "CONV_2D version 99",
            "older converter");
    REFUSED("newer-version", "another version of TFLite's schema", "version 4", "version 3");
    REFUSED("newer-schema", "another version of TFLite's schema", "'TFL4'", "newer Vedette");
}

// covers: INF-4
VD_TEST(a_model_that_no_picture_fits_is_refused)
{
    REFUSED("four-channels", "takes 4 channels; a picture has 3", "'in' is [1,8,8,4]",
            "colour pictures");
    REFUSED("open-size", "height or width is not fixed", "fixed input size");
    REFUSED("sound", "not a model for pictures", "'in' is [1,8000]", "[1,height,width,3]");
}

VD_TEST(what_is_no_tflite_model_is_refused)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    vd_why why;
    expect_err(vd_convert_tflite_memory(VD_STR("<!doctype html><title>moved</title>"), NULL, &onnx,
                                        &why),
               VD_INVALID);
    expect_true(strstr(why.fact, "no TFLite model") != NULL);
    expect_err(vd_convert_tflite_memory(VD_SLICE_NONE, NULL, &onnx, &why), VD_INVALID);
}

// covers: INF-4
VD_TEST(a_file_cut_short_anywhere_is_an_error_and_says_so)
{
    static const char *const names[] = { "float", "quantised", "ssd", "float16" };
    for (unsigned n = 0; n < VD_COUNT_OF(names); n++) {
        VD_AUTO(vd_buf) file = VD_BUF(1 << 20);
        load(names[n], &file);
        size_t last = file.len; /* what follows the last offset may be padding */
        unsigned damaged = 0, tries = 0;
        for (size_t len = 8; len + 16 < last; len += 7, tries++) {
            VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
            vd_why why = { 0 };
            vd_slice part = vd_slice_of(file.data, len);
            expect_true(vd_convert_tflite_memory(part, NULL, &onnx, &why) != VD_OK);
            damaged += strstr(why.fact, "cut short or damaged") != NULL;
            expect_u64(onnx.len, 0);
        }
        expect_true(damaged == tries);
    }
}

VD_TEST(flexible_options_are_read_by_name)
{
    /* {"a": 7, "b": true}: keys, their list, values, types, root */
    static const uint8_t map[] = { 'a', 0,      'b',    0,
                                   2,   5,      4, /* count, back to the keys */
                                   2,   1,      2, /* back to the list, its width, count */
                                   7,   1,      1 << 2, 26 << 2, /* values, types */
                                   4,   9 << 2, 1 };
    double number = 0;
    expect_true(flex_number(vd_slice_of(map, sizeof map), "a", &number));
    expect_near(number, 7, 0);
    expect_true(flex_number(vd_slice_of(map, sizeof map), "b", &number));
    expect_near(number, 1, 0);
    expect_false(flex_number(vd_slice_of(map, sizeof map), "c", &number));
    for (size_t from = 1; from < sizeof map; from++)
        expect_false(flex_number(vd_slice_of(map + from, sizeof map - from - 1), "a", &number));
}

/* In files. */

static char folder[] = "/tmp/vedette-tflite-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, 256, "%s/%s", folder, name);
    return to;
}

static unsigned files_in(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count > 2 ? count - 2 : 0;
}

VD_TEST(a_file_of_another_kind_is_told_what_to_do_with_it)
{
    static const struct {
        const char *name, *bytes, *fact, *hint;
    } other[] = {
        { "there.onnx", "\b\x07", "needs no import", "descriptor" },
        { "model.zip", "PK\x03\x04", "neither a TFLite", "archive" },
        { "model.json", "<!doctype html>", "neither a TFLite", "page" },
        { "empty", "", "neither a TFLite", "itself" },
    };
    vd_convert_result result;
    vd_convert_options options = { .name = "m" };
    for (unsigned i = 0; i < VD_COUNT_OF(other); i++) {
        char path[512];
        vd_why why = { 0 };
        snprintf(path, sizeof path, "%s", in_folder(other[i].name));
        expect_ok(vd_file_save(path, 0600, vd_slice_str(other[i].bytes), NULL));
        expect_err(vd_convert_model(path, in_folder("to"), &options, &result, &why), VD_INVALID);
        assert_non_null(strstr(why.fact, other[i].fact));
        assert_non_null(strstr(why.hint, other[i].hint));
        unlink(path);
    }
    expect_u64(files_in(in_folder("to")), 0);
}

VD_TEST(a_refused_model_leaves_no_file)
{
    static const char *const names[] = { "custom-operator", "four-channels", "newer-schema",
                                         "ssd" };
    vd_convert_result result;
    vd_why why;
    vd_convert_options options = { .name = "m" };
    for (unsigned i = 0; i < VD_COUNT_OF(names); i++) /* of the last nobody knows the two classes */
        expect_err(vd_convert_model(sample(names[i]), in_folder("to"), &options, &result, &why),
                   VD_INVALID);
    expect_true(strstr(why.hint, "--labels") != NULL);
    expect_u64(files_in(in_folder("to")), 0);
}

static vd_frame *grey_frame(uint8_t *pixels)
{
    vd_frame *frame;
    memset(pixels, 130, 64 * 64 * 3 / 2);
    vd_picture picture = { .width_px = 64,
                           .height_px = 64,
                           .plane = { pixels, pixels + 64 * 64, pixels + 64 * 64 * 5 / 4 },
                           .stride = { 64, 32, 32 } };
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

// covers: INF-4
VD_TEST(a_detector_gets_a_descriptor_with_which_the_agent_runs_it)
{
    vd_convert_result result;
    vd_model *model = NULL;
    uint8_t pixels[64 * 64 * 3 / 2];
    vd_detections *found = malloc(sizeof *found);
    expect_ok(vd_file_save(in_folder("labels.txt"), 0600, VD_STR("hand\nglove\n"), NULL));
    vd_convert_options options = { .name = "hands", .labels = in_folder("labels.txt") };
    expect_ok(vd_convert_model(sample("ssd"), in_folder("hands"), &options, &result, NULL));
    expect_ok(
        vd_model_load(result.descriptor_path, &(vd_model_options){ .threads = 1 }, &model, NULL));
    expect_u64(vd_model_class_count(model), 2);
    expect_str(vd_model_class_name(model, 1), "glove");
    vd_frame *frame = grey_frame(pixels);
    expect_ok(vd_model_run(model, frame, found, NULL));
    expect_true(found->count >= 1 && found->count <= 5);
    expect_true(found->item[0].class_id < 2 && found->item[0].box.w > 0);
    vd_frame_unref(frame);
    vd_model_free(model);
    free(found);
}

VD_TEST(a_backbone_gives_the_agent_a_vector_of_length_one)
{
    vd_convert_result result;
    vd_model *model = NULL;
    uint8_t pixels[64 * 64 * 3 / 2];
    vd_detections *found = malloc(sizeof *found);
    expect_ok(vd_file_save(in_folder("looks.yaml"), 0600,
                           VD_STR("name: looks\nfile: looks.onnx\ninput: {size: [8, 8]}\n"
                                  "output: {decode: embedding}\nclasses: [picture]\n"),
                           NULL));
    vd_convert_options options = { .name = "looks", .descriptor = in_folder("looks.yaml") };
    expect_ok(vd_convert_model(sample("float"), in_folder("looks"), &options, &result, NULL));
    expect_ok(
        vd_model_load(result.descriptor_path, &(vd_model_options){ .threads = 1 }, &model, NULL));
    vd_frame *frame = grey_frame(pixels);
    expect_ok(vd_model_run(model, frame, found, NULL));
    expect_u64(found->count, 1);
    const float *side = vd_detections_side(found, &found->item[0]);
    double squares = 0;
    for (unsigned i = 0; i < 4; i++) squares += (double)side[i] * (double)side[i];
    expect_u64(found->item[0].side_count, 4);
    expect_near(squares, 1, 1e-5);
    vd_frame_unref(frame);
    vd_model_free(model);
    free(found);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_float_model_becomes_onnx_with_channels_first),
        VD_RUN(a_quantised_model_keeps_its_bytes),
        VD_RUN(what_the_reader_does_not_know_is_named),
        VD_RUN(a_model_that_no_picture_fits_is_refused),
        VD_RUN(what_is_no_tflite_model_is_refused),
        VD_RUN(a_file_cut_short_anywhere_is_an_error_and_says_so),
        VD_RUN(flexible_options_are_read_by_name),
        VD_RUN(a_file_of_another_kind_is_told_what_to_do_with_it),
        VD_RUN(a_refused_model_leaves_no_file),
        VD_RUN(a_detector_gets_a_descriptor_with_which_the_agent_runs_it),
        VD_RUN(a_backbone_gives_the_agent_a_vector_of_length_one),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
