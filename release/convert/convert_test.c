#include "convert.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/test.h"

/* A graph of one convolution: [1,4,4,1] -> 2x2 filter of ones, stride 2, SAME -> "out". */
#define INPUT_NODE                                                                                 \
    "{\"name\":\"in\",\"op\":\"Placeholder\",\"attr\":{\"dtype\":{\"type\":\"DT_FLOAT\"},"         \
    "\"shape\":{\"shape\":{\"dim\":[{\"size\":\"-1\"},{\"size\":\"4\"},{\"size\":4},"              \
    "{\"size\":1}]}}}}"
#define FILTER_NODE "{\"name\":\"filter\",\"op\":\"Const\"}"
#define CONV_NODE                                                                                  \
    "{\"name\":\"out\",\"op\":\"Conv2D\",\"input\":[\"in\",\"filter\",\"^in\"],\"attr\":{"         \
    "\"strides\":{\"list\":{\"i\":[\"1\",\"2\",\"2\",\"1\"]}},\"padding\":{\"s\":\"U0FNRQ==\"}}}"
#define SIGNATURE "\"signature\":{\"outputs\":{\"out\":{\"name\":\"out:0\"}}}"
#define MANIFEST                                                                                   \
    "\"weightsManifest\":[{\"paths\":[\"m.bin\"],\"weights\":[{\"name\":\"filter\","               \
    "\"shape\":[2,2,1,1],\"dtype\":\"float32\"}]}]"
#define MODEL(nodes) "{\"modelTopology\":{\"node\":[" nodes "]}," SIGNATURE "," MANIFEST "}"

static const float ones[4] = { 1, 1, 1, 1 };

static vd_err convert_text(const char *json, vd_slice weights, vd_onnx_info *info, vd_why *why)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    vd_err err = vd_convert_tfjs_memory(vd_slice_str(json), weights, NULL, &onnx, why);
    return err ? err : vd_onnx_inspect(vd_buf_slice(&onnx), info, why);
}

static void expect_refused(const char *json, vd_err want, const char *word)
{
    vd_onnx_info info;
    vd_why why = { 0 };
    char line[800];
    vd_err err = convert_text(json, vd_slice_of(ones, sizeof(ones)), &info, &why);
    vd_why_line(&why, line, sizeof(line));
    if (!strstr(line, word)) print_error("'%s' does not name '%s'\n", line, word);
    expect_err(err, want);
    expect_true(strstr(line, word) != NULL);
}

VD_TEST(a_small_graph_becomes_onnx_with_channels_first)
{
    vd_onnx_info info;
    vd_why why;
    expect_ok(convert_text(MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE),
                           vd_slice_of(ones, sizeof(ones)), &info, &why));
    expect_i64(info.opset, 17);
    expect_i64(info.input_count, 1);
    expect_str(info.input[0].name, "in");
    expect_i64(info.input[0].dim[1], 1); /* n c h w */
    expect_i64(info.input[0].dim[3], 4);
    expect_str(info.output[0].name, "out");
    expect_i64(info.output[0].rank, 4);
    expect_i64(info.output[0].dim[1], 2); /* n h w c, as the source has it */
    expect_i64(info.output[0].dim[3], 1);
    expect_i64(info.transpose_count, 1);
    expect_true(strncmp(info.source, "sha256:", 7) == 0);
}

// covers: INF-2
VD_TEST(unknown_operations_are_all_named)
{
    expect_refused(MODEL(INPUT_NODE "," FILTER_NODE "," CONV_NODE
                                    ",{\"name\":\"a\",\"op\":\"Einsum\",\"input\":[\"in\"]}"
                                    ",{\"name\":\"b\",\"op\":\"Fft\",\"input\":[\"in\"]}"),
                   VD_INVALID, "Einsum (node 'a'), Fft (node 'b')");
}

VD_TEST(what_would_change_the_meaning_is_refused)
{
    expect_refused(MODEL(INPUT_NODE "," FILTER_NODE
                                    ",{\"name\":\"out\",\"op\":\"Conv2D\",\"input\":[\"in\","
                                    "\"filter\"],\"attr\":{\"padding\":{\"s\":\"RVhQTElDSVQ=\"}}}"),
                   VD_INVALID, "paddings SAME and VALID");
    expect_refused(MODEL(INPUT_NODE
                         "," FILTER_NODE
                         ",{\"name\":\"out\",\"op\":\"Add\",\"input\":[\"in\",\"gone\"]}"),
                   VD_INVALID, "'gone' does not exist");
    expect_refused(MODEL(INPUT_NODE
                         "," FILTER_NODE
                         ",{\"name\":\"out\",\"op\":\"Add\",\"input\":[\"out\",\"in\"]}"),
                   VD_INVALID, "circle");
    expect_refused(MODEL(INPUT_NODE "," INPUT_NODE), VD_INVALID, "used twice");
    expect_refused(MODEL(INPUT_NODE), VD_INVALID, "output 'out:0'");
    expect_refused(MODEL(INPUT_NODE ",{\"name\":\"out\",\"op\":\"Const\"}"), VD_CORRUPT,
                   "not in the weights manifest");
    expect_refused("{\"modelTopology\":{}}", VD_CORRUPT, "belong to no weight");
    expect_refused("{\"weightsManifest\":", VD_INVALID, "");
}

VD_TEST(weights_that_do_not_match_their_manifest_are_refused)
{
    vd_onnx_info info;
    vd_why why;
    const char *json = MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE);
    uint8_t more[20] = { 0 };
    for (size_t len = 0; len < sizeof(ones); len++)
        expect_err(convert_text(json, vd_slice_of(ones, len), &info, &why), VD_CORRUPT);
    expect_err(convert_text(json, vd_slice_of(more, sizeof(more)), &info, &why), VD_CORRUPT);
}

VD_TEST(json_cut_anywhere_is_an_error)
{
    vd_onnx_info info;
    const char *json = MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE);
    for (size_t len = 0; len < strlen(json); len += 3) {
        VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
        vd_why why;
        expect_true(vd_convert_tfjs_memory(vd_slice_of(json, len), vd_slice_of(ones, 16), NULL,
                                           &onnx, &why) != VD_OK);
    }
    expect_ok(convert_text(json, vd_slice_of(ones, sizeof(ones)), &info, NULL));
}

VD_TEST(an_onnx_file_cut_short_is_corrupt)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    vd_onnx_info info;
    const char *json = MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE);
    expect_ok(vd_convert_tfjs_memory(vd_slice_str(json), vd_slice_of(ones, 16), NULL, &onnx, NULL));
    for (size_t len = 1; len < onnx.len / 2; len++)
        expect_err(vd_onnx_inspect(vd_slice_of(onnx.data, len), &info, NULL), VD_CORRUPT);
}

/* In files. */

static char folder[] = "/tmp/vedette-convert-XXXXXX";

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

static void save(const char *name, vd_slice bytes)
{
    expect_ok(vd_file_save(in_folder(name), 0600, bytes, NULL));
}

// covers: INF-2
VD_TEST(a_refused_model_leaves_no_file)
{
    vd_convert_result result;
    vd_why why;
    save("odd.json", VD_STR(MODEL(INPUT_NODE ",{\"name\":\"out\",\"op\":\"Einsum\"}")));
    save("m.bin", vd_slice_of(ones, sizeof(ones)));
    expect_err(vd_convert_tfjs(in_folder("odd.json"), in_folder("to"), NULL, &result, &why),
               VD_INVALID);
    expect_true(strstr(why.detail, "Einsum (node 'out')") != NULL);
    save("small.json", VD_STR(MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE)));
    save("m.bin", vd_slice_of(ones, 7));
    expect_err(vd_convert_tfjs(in_folder("small.json"), in_folder("to"), NULL, &result, &why),
               VD_CORRUPT);
    save("m.bin", vd_slice_of(ones, sizeof(ones))); /* good, but nobody knows how to use it */
    expect_err(vd_convert_tfjs(in_folder("small.json"), in_folder("to"), NULL, &result, &why),
               VD_INVALID);
    expect_u64(files_in(in_folder("to")), 0);
}

VD_TEST(a_descriptor_that_is_given_goes_beside_the_model)
{
    vd_convert_result result;
    vd_why why;
    save("small.json", VD_STR(MODEL(INPUT_NODE "," CONV_NODE "," FILTER_NODE)));
    save("m.bin", vd_slice_of(ones, sizeof(ones)));
    save("given.yaml", VD_STR("name: small\n"));
    vd_convert_options options = { .name = "tiny", .descriptor = in_folder("given.yaml") };
    expect_ok(vd_convert_tfjs(in_folder("small.json"), in_folder("to"), &options, &result, &why));
    expect_str(result.model_path, in_folder("to/tiny.onnx"));
    expect_u64(files_in(in_folder("to")), 2);
    vd_digest digest;
    expect_ok(vd_sha256_file(result.model_path, &digest, NULL));
    expect_str(digest.hex, result.model_digest.hex);
}

VD_TEST(weight_files_are_looked_for_nowhere_else)
{
    vd_convert_result result;
    vd_why why;
    save("way.json", VD_STR("{\"modelTopology\":{},\"weightsManifest\":[{\"paths\":[\"../x\"]}]}"));
    expect_err(vd_convert_tfjs(in_folder("way.json"), in_folder("to"), NULL, &result, &why),
               VD_INVALID);
    expect_true(strstr(why.fact, "../x") != NULL);
    vd_convert_options options = { .name = "../up" };
    expect_err(vd_convert_tfjs(in_folder("way.json"), in_folder("to"), &options, &result, &why),
               VD_INVALID);
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
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_small_graph_becomes_onnx_with_channels_first),
        VD_RUN(unknown_operations_are_all_named),
        VD_RUN(what_would_change_the_meaning_is_refused),
        VD_RUN(weights_that_do_not_match_their_manifest_are_refused),
        VD_RUN(json_cut_anywhere_is_an_error),
        VD_RUN(an_onnx_file_cut_short_is_corrupt),
        VD_RUN(a_refused_model_leaves_no_file),
        VD_RUN(a_descriptor_that_is_given_goes_beside_the_model),
        VD_RUN(weight_files_are_looked_for_nowhere_else),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
