/* vd-infer MODEL WIDTH HEIGHT [--rgb] < pictures: raw I420, one after the other, from standard
 * input; one JSON line a picture on standard output. With --rgb the pictures are packed RGB of
 * exactly the model's size and go into its tensor unscaled. For tests and benches. */
#include "model_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "vd/json.h"

static void print_side(vd_json_w *w, const vd_detections *found, const vd_detection *d)
{
    static const char *const names[] = { "", "points", "mask", "map", "embedding" };
    const float *side = vd_detections_side(found, d);
    if (!side) return;
    vd_json_w_key(w, names[d->side]);
    vd_json_w_list(w);
    for (unsigned i = 0; i < d->side_count; i++) vd_json_w_num(w, (double)side[i], 5);
    vd_json_w_list_end(w);
}

static void print_line(const vd_model *model, const vd_detections *found, unsigned number,
                       int width, int height)
{
    VD_AUTO(vd_buf) line = VD_BUF(1 << 20);
    vd_json_w w = vd_json_writer(&line);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "frame", number);
    vd_json_w_kv_int(&w, "preprocess_us", found->preprocess_us);
    vd_json_w_kv_int(&w, "run_us", found->run_us);
    vd_json_w_key(&w, "detections");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < found->count; i++) {
        const vd_detection *d = &found->item[i];
        float box[4] = { d->box.l * (float)width, d->box.t * (float)height, d->box.w * (float)width,
                         d->box.h * (float)height };
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "class", vd_model_class_name(model, d->class_id));
        vd_json_w_kv_num(&w, "score", (double)d->score, 5);
        vd_json_w_key(&w, "box");
        vd_json_w_list(&w);
        for (int k = 0; k < 4; k++) vd_json_w_num(&w, (double)box[k], 3);
        vd_json_w_list_end(&w);
        print_side(&w, found, d);
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) puts(line.data);
}

static int fail(const vd_why *why)
{
    char line[800];
    fprintf(stderr, "%s\n", vd_why_line(why, line, sizeof(line)));
    return 1;
}

/* One I420 picture through the whole stage. */
static vd_err run_picture(vd_model *model, uint8_t *planes, int width, int height,
                          vd_detections *found, vd_why *why)
{
    int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    uint8_t *u = planes + (size_t)width * (size_t)height;
    vd_picture picture = { .width_px = width,
                           .height_px = height,
                           .plane = { planes, u, u + (size_t)half_width * (size_t)half_height },
                           .stride = { width, half_width, half_width } };
    vd_frame *frame = NULL;
    vd_err err = vd_frame_copy(&picture, &frame);
    if (!err) err = vd_model_run(model, frame, found, why);
    vd_frame_unref(frame);
    return err;
}

/* Packed RGB into the tensor, without scaling. */
static vd_err run_rgb(vd_model *model, const uint8_t *rgb, vd_detections *found, vd_why *why)
{
    const vd_tensor_spec *spec = model_tensor_spec(model);
    vd_tensor_map map = { 0, 0, 1.0f / (float)spec->width_px, 1.0f / (float)spec->height_px };
    size_t pixels = (size_t)spec->width_px * (size_t)spec->height_px;
    float *tensor = model_tensor(model);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++) {
            float value = rgb[i * 3 + (spec->bgr ? 2 - c : c)];
            value = (value - spec->mean[c]) * spec->scale[c];
            tensor[spec->layout == VD_LAYOUT_NCHW ? c * pixels + i : i * 3 + c] = value;
        }
    return model_run_tensor(model, &map, found, why);
}

static int run_all(vd_model *model, int width, int height, bool rgb)
{
    size_t luma = (size_t)width * (size_t)height;
    size_t chroma = (size_t)((width + 1) / 2) * (size_t)((height + 1) / 2);
    size_t bytes = rgb ? luma * 3 : luma + 2 * chroma;
    uint8_t *planes = malloc(bytes);
    vd_detections *found = calloc(1, sizeof(*found));
    vd_why why = { "a picture cannot be used", "", "" };
    int result = planes && found ? 0 : 1;
    for (unsigned n = 1; !result && fread(planes, bytes, 1, stdin) == 1; n++) {
        vd_err err = rgb ? run_rgb(model, planes, found, &why)
                         : run_picture(model, planes, width, height, found, &why);
        if (err)
            result = fail(&why);
        else
            print_line(model, found, n, width, height);
    }
    free(planes);
    free(found);
    return result;
}

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int main(int argc, char **argv)
{
    vd_model *model;
    vd_why why;
    int width = argc > 2 ? number(argv[2]) : 0, height = argc > 3 ? number(argv[3]) : 0;
    const char *threads = getenv("VD_INFER_THREADS");
    vd_model_options options = { .threads = threads ? number(threads) : 0 };
    if (width < 1 || height < 1 || width > 16384 || height > 16384) {
        fputs("usage: vd-infer MODEL WIDTH HEIGHT [--rgb] < pictures\n", stderr);
        return 2;
    }
    if (vd_model_load(argv[1], &options, &model, &why)) return fail(&why);
    bool rgb = argc > 4 && strcmp(argv[4], "--rgb") == 0;
    const vd_tensor_spec *spec = model_tensor_spec(model);
    bool fits = !rgb || (spec->width_px == width && spec->height_px == height);
    int result = fits ? run_all(model, width, height, rgb) : 2;
    vd_model_free(model);
    return result;
}
