/* vd-infer MODEL WIDTH HEIGHT < pictures: raw I420, one after the other, from standard input; one
 * JSON line a picture on standard output. For tests and benches. */
#include "inference.h"

#include <stdio.h>
#include <stdlib.h>

#include "vd/json.h"

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

static int run_all(vd_model *model, int width, int height)
{
    int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    size_t luma = (size_t)(width * height), chroma = (size_t)(half_width * half_height);
    uint8_t *planes = malloc(luma + 2 * chroma);
    vd_detections *found = malloc(sizeof(*found));
    vd_picture picture = { .width_px = width,
                           .height_px = height,
                           .plane = { planes, planes + luma, planes + luma + chroma },
                           .stride = { width, half_width, half_width } };
    int result = planes && found ? 0 : 1;
    vd_why why = { "a picture cannot be used", "", "" };
    for (unsigned n = 1; !result && fread(planes, luma + 2 * chroma, 1, stdin) == 1; n++) {
        vd_frame *frame = NULL;
        vd_err err = vd_frame_copy(&picture, &frame);
        if (!err) err = vd_model_run(model, frame, found, &why);
        vd_frame_unref(frame);
        if (err)
            result = fail(&why);
        else
            print_line(model, found, n, width, height);
    }
    free(planes);
    free(found);
    return result;
}

int main(int argc, char **argv)
{
    vd_model *model;
    vd_why why;
    int width = argc > 2 ? atoi(argv[2]) : 0, height = argc > 3 ? atoi(argv[3]) : 0;
    const char *threads = getenv("VD_INFER_THREADS");
    vd_model_options options = { .threads = threads ? atoi(threads) : 0 };
    if (width < 1 || height < 1 || width > 16384 || height > 16384) {
        fputs("usage: vd-infer MODEL WIDTH HEIGHT < I420\n", stderr);
        return 2;
    }
    if (vd_model_load(argv[1], &options, &model, &why)) return fail(&why);
    int result = run_all(model, width, height);
    vd_model_free(model);
    return result;
}
