#include "model_descriptor_priv.h"

#include "inference.h"
#include "vd/test.h"

#define GOOD                                                                                       \
    "name: gate\n"                                                                                 \
    "file: gate.onnx\n"                                                                            \
    "input:\n"                                                                                     \
    "  name: images\n"                                                                             \
    "  layout: nhwc\n"                                                                             \
    "  size: [416, 320]\n"                                                                         \
    "  channels: bgr\n"                                                                            \
    "  fit: letterbox\n"                                                                           \
    "  place: top-left\n"                                                                          \
    "  pad: 100\n"                                                                                 \
    "  mean: [1, 2, 3]\n"                                                                          \
    "  scale: 0.5\n"                                                                               \
    "output:\n"                                                                                    \
    "  decode: yolox\n"                                                                            \
    "  predictions: out\n"                                                                         \
    "classes: [person, \"traffic light\"]\n"                                                       \
    "score_min: 0.4\n"                                                                             \
    "nms_iou: 0.6\n"

// covers: INF-1
VD_TEST(every_key_reaches_its_place)
{
    VD_AUTO(model_descriptor) d = { 0 };
    vd_why why;
    expect_ok(model_descriptor_parse(VD_STR(GOOD), "gate", NULL, &d, &why));
    expect_str(d.name, "gate");
    expect_str(d.file, "gate.onnx");
    expect_str(d.input, "images");
    expect_i64(d.tensor.width_px, 416);
    expect_i64(d.tensor.height_px, 320);
    expect_i64(d.tensor.layout, VD_LAYOUT_NHWC);
    expect_i64(d.tensor.fit, VD_FIT_LETTERBOX);
    expect_true(d.tensor.bgr && d.tensor.pad_top_left);
    expect_near(d.tensor.pad, 100, 0);
    expect_near(d.tensor.mean[2], 3, 0);
    expect_near(d.tensor.scale[0] + d.tensor.scale[2], 1, 0);
    expect_i64(d.decode, DECODE_YOLOX);
    expect_str(d.output[ROLE_MAIN], "out");
    expect_u64(d.class_count, 2);
    expect_str(d.class_name[1], "traffic light");
    expect_near(d.score_min, 0.4, 1e-6);
    expect_near(d.nms_iou, 0.6, 1e-6);
}

/* GOOD with its first `from` replaced. */
static void expect_refused(const char *from, const char *to, const char *word)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    vd_why why = { 0 };
    char line[800];
    const char *at = strstr(GOOD, from), *good = GOOD;
    expect_true(at != NULL);
    vd_buf_add(&yaml, vd_slice_of(good, (size_t)(at - good)));
    vd_buf_addf(&yaml, "%s%s", to, at + strlen(from));
    vd_err err = vd_model_descriptor_check(vd_buf_slice(&yaml), "gate.model.yaml", &why);
    vd_why_line(&why, line, sizeof(line));
    if (!strstr(line, word)) print_error("'%s' does not say '%s'\n", line, word);
    expect_err(err, VD_INVALID);
    expect_true(strstr(line, word) != NULL);
}

// covers: INF-1
VD_TEST(what_a_descriptor_gets_wrong_is_named)
{
    expect_refused("  layout:", "  layuot:", "layout"); /* suggests the nearest */
    expect_refused("score_min:", "score_mni:", "score_min");
    expect_refused("nhwc", "nhcw", "did you mean");
    expect_refused("yolox", "yolo9", "decode");
    expect_refused("[416, 320]", "[416]", "[width, height]");
    expect_refused("[416, 320]", "[416, 0]", "");
    expect_refused("[416, 320]", "[416, 99999]", "");
    expect_refused("mean: [1, 2, 3]", "mean: [1, 2]", "one number or three");
    expect_refused("name: gate\n", "", "'name' is needed");
    expect_refused("file: gate.onnx", "file: ../gate.onnx", "beside the descriptor");
    expect_refused("  decode: yolox\n", "", "'decode' is needed");
    expect_refused("  predictions: out", "  detections: out", "detections");
    expect_refused("[person, \"traffic light\"]", "[]", "classes are needed");
    expect_refused("classes: [person, \"traffic light\"]\n", "", "classes_file");
    expect_refused("score_min: 0.4", "score_min: 4", "score_min");
    expect_refused("score_min: 0.4", "classes_file: a.txt", "either");
}

VD_TEST(a_bare_descriptor_has_sensible_defaults)
{
    VD_AUTO(model_descriptor) d = { 0 };
    vd_why why;
    expect_ok(model_descriptor_parse(
        VD_STR("name: a\nfile: a.onnx\ninput: {size: [8, 8]}\noutput: {decode: yolov8}\n"
               "classes: [x]\n"),
        "a", NULL, &d, &why));
    expect_true(!d.input && !d.output[ROLE_MAIN]);
    expect_i64(d.tensor.fit, VD_FIT_LETTERBOX);
    expect_near(d.tensor.scale[1], 1, 0);
    expect_near(d.nms_iou, 0.5, 0);
}

// covers: PRE-1
VD_TEST(chain_of_a_descriptor_reaches_the_tensor_and_reads_back)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(8192);
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    VD_AUTO(vd_buf) again = VD_BUF(4096);
    VD_AUTO(model_descriptor) d = { 0 };
    VD_AUTO(model_descriptor) back = { 0 };
    vd_buf_addf(&yaml,
                "%schain: [{rotate: 90}, {clahe: {limit: 3}}, hsv, {tile: {size: [640, 640]}}]\n",
                GOOD);
    expect_ok(model_descriptor_parse(vd_buf_slice(&yaml), "gate", NULL, &d, NULL));
    expect_u64(d.chain.count, 2);
    expect_i64(d.tensor.colour, VD_COLOUR_HSV);
    expect_true(vd_chain_print(&d.chain, &text));
    vd_buf_clear(&yaml);
    vd_buf_addf(&yaml, "%schain: %s\n", GOOD, text.data);
    expect_ok(model_descriptor_parse(vd_buf_slice(&yaml), "gate", NULL, &back, NULL));
    expect_true(vd_chain_print(&back.chain, &again));
    expect_str(again.data, text.data);
}

// covers: PRE-1
VD_TEST(chain_that_a_model_cannot_have_is_refused)
{
    expect_refused("score_min", "chain: [{gamma: 1}]\nscore_min", "light");
    expect_refused("score_min", "chain: [{resize: stretch}]\nscore_min", "'resize' is said in");
    expect_refused("score_min", "chain: [{normalise: {scale: 2}}]\nscore_min", "'normalise' is");
    expect_refused("  decode: yolox\n  predictions: out\n",
                   "  decode: classification\nchain: [{tile: {size: [64, 64]}}]\n",
                   "'tile' is for models that find");
}

VD_TEST_MAIN(VD_RUN(every_key_reaches_its_place), VD_RUN(what_a_descriptor_gets_wrong_is_named),
             VD_RUN(a_bare_descriptor_has_sensible_defaults),
             VD_RUN(chain_of_a_descriptor_reaches_the_tensor_and_reads_back),
             VD_RUN(chain_that_a_model_cannot_have_is_refused))
