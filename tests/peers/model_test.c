/* The default detector, converted here, on real footage; and what is said when model and
 * descriptor do not belong together. Skipped without the model, the footage or ffmpeg. */
#include "convert.h"
#include "model_kit_priv.h"

#define CLIP  "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
#define MODEL "tools/deps/node_modules/@vladmandic/human/models/centernet.json"
enum { WIDTH = 768, HEIGHT = 576, BYTES = WIDTH * HEIGHT * 3 / 2 };

static const char *source_model(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/" MODEL, source_root());
    return path;
}

static vd_frame *frame_of(uint8_t *i420)
{
    vd_picture picture = { .width_px = WIDTH,
                           .height_px = HEIGHT,
                           .plane = { i420, i420 + WIDTH * HEIGHT, i420 + WIDTH * HEIGHT * 5 / 4 },
                           .stride = { WIDTH, WIDTH / 2, WIDTH / 2 } };
    vd_frame *frame;
    expect_ok(vd_frame_copy(&picture, &frame));
    return frame;
}

/* The first tests meet a process without ONNX Runtime: it is opened once for good. */
VD_TEST(a_missing_runtime_is_named)
{
    vd_model *model;
    vd_why why = { 0 };
    vd_model_options options = { .library = "/nowhere/libonnxruntime.so" };
    expect_err(vd_model_load(work_path("centernet.onnx"), &options, &model, &why), VD_ABSENT);
    expect_true(strstr(why.fact, "ONNX Runtime was not found") != NULL);
    expect_true(strstr(why.detail, "/nowhere/") != NULL);
    options.library = "libm.so.6";
    expect_err(vd_model_load(work_path("centernet.onnx"), &options, &model, &why), VD_ABSENT);
    expect_true(strstr(why.fact, "no ONNX Runtime") != NULL);
}

// covers: INF-1
VD_TEST(people_in_the_yard_are_found)
{
    FILE *pictures =
        popen("ffmpeg -v error -i " CLIP " -vf 'select=not(mod(n\\,60))' -vsync 0 -frames:v 12"
              " -pix_fmt yuv420p -f rawvideo -",
              "r");
    vd_model *model = load_model(work_path("centernet.onnx"));
    uint8_t *i420 = malloc(BYTES);
    vd_detections *found = malloc(sizeof(*found));
    unsigned frames = 0, with_people = 0;
    int person = vd_model_class_find(model, "person");
    expect_i64(person, 0);
    for (; fread(i420, BYTES, 1, pictures) == 1; frames++) {
        vd_frame *frame = frame_of(i420);
        unsigned people = 0;
        expect_ok(vd_model_run(model, frame, found, NULL));
        for (unsigned i = 0; i < found->count; i++) {
            const vd_detection *d = &found->item[i];
            expect_true(d->box.l >= 0 && d->box.l + d->box.w <= 1.0001f && d->box.w > 0);
            bool standing = d->box.h * HEIGHT > d->box.w * WIDTH * 1.2f;
            people += d->class_id == person && d->score > 0.4f && standing;
        }
        with_people += people >= 2; /* there are four to eight */
        vd_frame_unref(frame);
    }
    pclose(pictures);
    expect_u64(frames, 12);
    expect_true(with_people >= 10);
    free(found);
    free(i420);
    vd_model_free(model);
}

VD_TEST(a_model_tells_what_it_is)
{
    vd_model *model = load_model(work_path("centernet.model.yaml"));
    vd_digest digest;
    expect_ok(vd_sha256_file(work_path("centernet.onnx"), &digest, NULL));
    expect_str(vd_model_digest(model)->hex, digest.hex);
    expect_str(vd_model_name(model), "centernet");
    expect_u64(vd_model_class_count(model), 80);
    expect_str(vd_model_class_name(model, 2), "car");
    expect_true(vd_model_class_name(model, 80) == NULL);
    expect_i64(vd_model_class_find(model, "unicorn"), -1);
    expect_near(vd_model_score_min(model), 0.3, 1e-6);
    vd_model_free(model);
}

/* The descriptor with `from` replaced must be refused in words that contain `word`. */
static void expect_refused(const char *from, const char *to, const char *word)
{
    VD_AUTO(vd_buf) good = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) bad = VD_BUF(1 << 20);
    vd_model *model;
    vd_why why = { 0 };
    char line[800];
    expect_ok(vd_file_load(work_path("centernet.model.yaml"), &good, NULL));
    const char *at = strstr(good.data, from);
    expect_true(at != NULL);
    vd_buf_add(&bad, vd_slice_of(good.data, (size_t)(at - good.data)));
    vd_buf_addf(&bad, "%s%s", to, at + strlen(from));
    expect_ok(vd_file_save(work_path("bad.model.yaml"), 0600, vd_buf_slice(&bad), NULL));
    vd_err err = vd_model_load(work_path("bad.model.yaml"), NULL, &model, &why);
    vd_why_line(&why, line, sizeof(line));
    if (!strstr(line, word)) print_error("'%s' does not say '%s'\n", line, word);
    expect_true(err == VD_INVALID || err == VD_ABSENT);
    expect_true(strstr(line, word) != NULL);
}

// covers: INF-1
VD_TEST(a_descriptor_that_does_not_fit_its_model_is_refused)
{
    expect_refused("layout: nchw", "layout: nhwc", "[1,3,512,512]");
    expect_refused("size: [512, 512]", "size: [416, 512]", "[1,3,512,416]");
    expect_refused("tower_0/images", "images", "it has 'tower_0/images'");
    expect_refused("tower_0/detections", "boxes", "it has 'tower_0/detections'");
    expect_refused("decode: centernet\n  detections", "decode: yolov8\n  predictions",
                   "[1,100,6] is given");
    expect_refused("file: centernet.onnx", "file: other.onnx", "other.onnx");
}

VD_TEST(a_damaged_model_is_refused)
{
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 26);
    vd_model *model;
    vd_why why;
    expect_ok(vd_file_load(work_path("centernet.onnx"), &onnx, NULL));
    static const unsigned parts[] = { 0, 1, 3, 50, 99 };
    for (unsigned i = 0; i < VD_COUNT_OF(parts); i++) {
        vd_slice cut = vd_slice_of(onnx.data, onnx.len / 100 * parts[i]);
        expect_ok(vd_file_save(work_path("cut.onnx"), 0600, cut, NULL));
        VD_AUTO(vd_buf) yaml = VD_BUF(4096);
        vd_buf_addf(&yaml, "name: cut\nfile: cut.onnx\ninput: {size: [512, 512]}\n"
                           "output: {decode: centernet}\nclasses: [person]\n");
        expect_ok(vd_file_save(work_path("cut.model.yaml"), 0600, vd_buf_slice(&yaml), NULL));
        expect_err(vd_model_load(work_path("cut.onnx"), NULL, &model, &why), VD_INVALID);
        expect_str(why.fact, "loading the model failed");
    }
}

static int begin(void **state)
{
    vd_convert_result result;
    vd_why why;
    if (work_begin(state)) return -1;
    return vd_convert_tfjs(source_model(), work_folder, NULL, &result, &why) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_missing_runtime_is_named),
        VD_RUN(people_in_the_yard_are_found),
        VD_RUN(a_model_tells_what_it_is),
        VD_RUN(a_descriptor_that_does_not_fit_its_model_is_refused),
        VD_RUN(a_damaged_model_is_refused),
    };
    if (access(source_model(), R_OK) || access(CLIP, R_OK)) {
        puts("skipped: the model or the footage is not installed");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, begin, work_end);
}
