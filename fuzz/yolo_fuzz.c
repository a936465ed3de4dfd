/* YOLO: data.yaml (up to a zero byte), then a label file; what is read goes out and comes back. */
#include "dataset.h"
#include "fuzz.h"

static void out_and_in(vd_import_labels *labels, const vd_import_picture *read)
{
    VD_AUTO(vd_buf) text = VD_BUF(1u << 20);
    vd_import_picture again = { 0 };
    vd_why why = { 0 };
    vd_manifest_picture picture = { .box = read->label.box, .box_count = read->label.count };
    vd_manifest m = { .classes = labels->classes, .class_count = labels->class_count };
    if (vd_yolo_write_label(&m, &picture, &text, &why)) return;
    vd_yolo_read_label(vd_buf_slice(&text), labels, &again);
    fuzz_holds(!again.why.fact[0] && again.label.count == read->label.count);
    for (unsigned i = 0; i < read->label.count; i++) {
        fuzz_holds(read->label.box[i].l == again.label.box[i].l &&
                   read->label.box[i].t == again.label.box[i].t);
        fuzz_holds(read->label.box[i].w == again.label.box[i].w &&
                   read->label.box[i].h == again.label.box[i].h);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(16u << 20);
    vd_import_labels labels = { .arena = arena };
    vd_import_picture picture = { 0 };
    vd_slice lines = VD_SLICE_NONE;
    vd_why why = { 0 };
    vd_slice names = vd_slice_cut(vd_slice_of(data, len), 0, &lines);
    bool yaml = names.len && names.data[0] == 'n';
    if (vd_yolo_read_names(names, yaml, &labels, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        labels.class_count = 0;
        if (vd_import_class(&labels, "person", &(unsigned){ 0 }, &why)) return 0;
    }
    vd_yolo_read_label(lines, &labels, &picture);
    fuzz_holds(picture.label.count <= VD_LABEL_BOXES_MAX);
    if (!picture.why.fact[0]) out_and_in(&labels, &picture);
    return 0;
}
