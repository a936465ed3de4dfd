/* COCO annotations: boxes that are read lie in their picture, and go out and come back the same. */
#include "dataset.h"
#include "fuzz.h"

static const char *file_of(void *arg, unsigned at)
{
    (void)arg, (void)at;
    return "a.jpg";
}

static void same(const vd_label *a, const vd_label *b)
{
    fuzz_holds(a->count == b->count);
    for (unsigned i = 0; i < a->count; i++) {
        fuzz_holds(strcmp(a->box[i].class_name, b->box[i].class_name) == 0);
        fuzz_holds(a->box[i].l == b->box[i].l && a->box[i].t == b->box[i].t);
        fuzz_holds(a->box[i].w == b->box[i].w && a->box[i].h == b->box[i].h);
        fuzz_holds(a->box[i].has_track == b->box[i].has_track);
    }
}

static void out_and_in(vd_import_labels *labels, const vd_import_picture *read)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(16u << 20);
    VD_AUTO(vd_buf) text = VD_BUF(16u << 20);
    vd_import_labels again = { .arena = arena };
    vd_why why = { 0 };
    vd_manifest_picture picture = { .width_px = read->width_px,
                                    .height_px = read->height_px,
                                    .device = "d",
                                    .camera = "c",
                                    .captured_us = 1,
                                    .group = "g",
                                    .source = "import",
                                    .box = read->label.box,
                                    .box_count = read->label.count };
    vd_manifest m = { .name = "n",
                      .task = "detection",
                      .classes = labels->classes,
                      .class_count = labels->class_count,
                      .picture = &picture,
                      .count = 1 };
    if (vd_coco_write(&m, file_of, NULL, &text, &why)) return;
    fuzz_holds(vd_coco_read(vd_buf_slice(&text), &again, &why) == VD_OK);
    fuzz_holds(again.count == 1 && !again.picture[0].why.fact[0]);
    same(&read->label, &again.picture[0].label);
    vd_import_labels_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(64u << 20);
    vd_import_labels labels = { .arena = arena };
    vd_why why = { 0 };
    if (vd_coco_read(vd_slice_of(data, len), &labels, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        for (unsigned i = 0; i < labels.count && i < 8; i++)
            if (!labels.picture[i].why.fact[0]) out_and_in(&labels, &labels.picture[i]);
    vd_import_labels_done(&labels);
    return 0;
}
