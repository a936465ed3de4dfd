/* Public models on labelled pictures from a folder of test material. Skipped without it. */
#include "model_kit_priv.h"

#include <dirent.h>

static char kit[1024];

static bool find_kit(void)
{
    const char *given = getenv("VEDETTE_KIT");
    if (given)
        snprintf(kit, sizeof(kit), "%s", given);
    else
        snprintf(kit, sizeof(kit), "%s/../shared/kit", source_root());
    return access(kit, R_OK) == 0;
}

/* Puts a link to the kit's model beside a descriptor of ours. */
static vd_model *kit_model(const char *model, const char *name, const char *yaml)
{
    char from[1200], onnx[80], descriptor[80];
    snprintf(from, sizeof(from), "%s/%s", kit, model);
    snprintf(onnx, sizeof(onnx), "%s.onnx", name);
    snprintf(descriptor, sizeof(descriptor), "%s.model.yaml", name);
    expect_i64(symlink(from, work_path(onnx)), 0);
    expect_ok(vd_file_save(work_path(descriptor), 0600, vd_slice_str(yaml), NULL));
    return load_model(work_path(descriptor));
}

static vd_frame *load_picture(const char *path)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(1 << 24);
    vd_frame *frame;
    expect_ok(vd_file_load(path, &jpeg, NULL));
    expect_ok(vd_frame_from_jpeg(vd_buf_slice(&jpeg), &frame, NULL));
    return frame;
}

typedef struct {
    unsigned people, found, wrong;
} tally;

/* "class x y w h", centre and size in 0..1. */
static bool read_label(FILE *file, vd_box *ret_box, int *ret_class)
{
    char line[256], *at = line;
    double number[5];
    if (!fgets(line, sizeof(line), file)) return false;
    for (int i = 0; i < 5; i++) number[i] = strtod(at, &at);
    *ret_class = (int)number[0];
    *ret_box = (vd_box){ (float)(number[1] - number[3] / 2), (float)(number[2] - number[4] / 2),
                         (float)number[3], (float)number[4] };
    return true;
}

/* Each labelled person that covers a hundredth of the picture: is there a box that fits? */
static void compare(const char *labels, const vd_detections *found, tally *t)
{
    FILE *file = fopen(labels, "r");
    int class_id;
    vd_box box;
    expect_true(file != NULL);
    while (read_label(file, &box, &class_id)) {
        bool hit = false;
        if (class_id != 0 || box.w * box.h < 0.01f) continue;
        for (unsigned i = 0; i < found->count; i++)
            hit = hit || (found->item[i].class_id == 0 && found->item[i].score > 0.3f &&
                          box_iou(&found->item[i].box, &box) > 0.5f);
        t->people++;
        t->found += hit;
    }
    fclose(file);
}

static tally people_in(vd_model *model, const char *part)
{
    tally t = { 0 };
    char folder[1200], path[1600];
    snprintf(folder, sizeof(folder), "%s/data/coco_permissive/images/%s", kit, part);
    DIR *dir = opendir(folder);
    vd_detections *found = malloc(sizeof(*found));
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".jpg")) continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        vd_frame *frame = load_picture(path);
        expect_ok(vd_model_run(model, frame, found, NULL));
        vd_frame_unref(frame);
        snprintf(path, sizeof(path), "%s/data/coco_permissive/labels/%s/%.12s.txt", kit, part,
                 entry->d_name);
        if (access(path, R_OK) == 0) compare(path, found, &t);
    }
    closedir(dir);
    free(found);
    return t;
}

/* 80 classes of which only the first has to have a name here. */
static const char *yolox_yaml(void)
{
    static char yaml[4096];
    int len = snprintf(yaml, sizeof(yaml),
                       "name: yolox\nfile: yolox.onnx\n"
                       "input: {size: [416, 416], channels: bgr, fit: letterbox, place: top-left}\n"
                       "output: {decode: yolox}\nclasses:\n  - person\n");
    for (int i = 1; i < 80; i++)
        len += snprintf(yaml + len, sizeof(yaml) - (size_t)len, "  - thing %d\n", i);
    return yaml;
}

// covers: INF-1
VD_TEST(yolox_finds_the_labelled_people)
{
    vd_model *model = kit_model("models/yolox_nano/yolox_nano.onnx", "yolox", yolox_yaml());
    tally train = people_in(model, "train"), val = people_in(model, "val");
    unsigned people = train.people + val.people, found = train.found + val.found;
    print_message("%u of %u people found\n", found, people);
    expect_true(people >= 20);
    expect_true(found * 100 >= people * 60);
    vd_model_free(model);
}

static void expect_class(vd_model *model, const char *photo, const char *word)
{
    char path[1200];
    vd_detections *found = malloc(sizeof(*found));
    snprintf(path, sizeof(path), "%s/data/photos/%s", kit, photo);
    vd_frame *frame = load_picture(path);
    expect_ok(vd_model_run(model, frame, found, NULL));
    expect_true(found->count > 0);
    const char *best = vd_model_class_name(model, found->item[0].class_id);
    print_message("%s: %s (%.2f)\n", photo, best, (double)found->item[0].score);
    expect_true(strstr(best, word) != NULL);
    vd_frame_unref(frame);
    free(found);
}

// covers: INF-1
VD_TEST(a_classifier_names_the_photos)
{
    VD_AUTO(vd_buf) labels = VD_BUF(1 << 16);
    char path[1200];
    snprintf(path, sizeof(path), "%s/models/mobilenet/imagenet_labels.txt", kit);
    expect_ok(vd_file_load(path, &labels, NULL));
    expect_ok(vd_file_save(work_path("labels.txt"), 0600, vd_buf_slice(&labels), NULL));
    vd_model *model =
        kit_model("models/mobilenet/mobilenet_v2_224.onnx", "mobilenet",
                  "name: mobilenet\nfile: mobilenet.onnx\n"
                  "input: {size: [224, 224], fit: stretch, mean: 128, scale: 0.0078125}\n"
                  "output: {decode: classification}\nclasses_file: labels.txt\n");
    expect_u64(vd_model_class_count(model), 1001);
    expect_class(model, "parrot.jpg", "macaw");
    expect_class(model, "hot_dog.jpg", "hotdog");
    expect_class(model, "cat_720p.jpg", "cat");
    vd_model_free(model);
}

/* Faces: scores for each class with a background, corners in 0..1. */
VD_TEST(a_face_is_found_by_an_ssd_style_model)
{
    vd_model *model = kit_model(
        "models/ultraface/version-RFB-320.onnx", "face",
        "name: face\nfile: face.onnx\n"
        "input: {size: [320, 240], fit: stretch, mean: 127, scale: 0.0078125}\n"
        "output: {decode: ssd, boxes: boxes, scores: scores, background: true}\nclasses: [face]\n");
    char path[1200];
    vd_detections *found = malloc(sizeof(*found));
    snprintf(path, sizeof(path), "%s/data/photos/face.jpg", kit);
    vd_frame *frame = load_picture(path);
    expect_ok(vd_model_run(model, frame, found, NULL));
    expect_true(found->count > 0);
    expect_true(found->item[0].score > 0.9f);
    expect_true(found->item[0].box.w > 0.05f && found->item[0].box.h > 0.05f);
    vd_frame_unref(frame);
    free(found);
    vd_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(yolox_finds_the_labelled_people),
        VD_RUN(a_classifier_names_the_photos),
        VD_RUN(a_face_is_found_by_an_ssd_style_model),
    };
    if (!find_kit()) {
        puts("skipped: there is no folder of test material (VEDETTE_KIT)");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, work_begin, work_end);
}
