#include "descriptor_priv.h"

#include "coco_priv.h"
#include "limits.h"
#include "vd/file.h"

#include <stdio.h>

#define LABELS_BYTES           65536u
#define DESCRIPTOR_LABELS_YAML (1u << 20)

/* Within double quotes YAML knows the same escapes as JSON for these. */
static bool put_quoted(vd_buf *into, vd_slice text)
{
    bool ok = vd_buf_add_byte(into, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\') ok = ok && vd_buf_add_byte(into, '\\');
        ok = ok && vd_buf_add_byte(into, c < 0x20 ? ' ' : c);
    }
    return vd_buf_add_byte(into, '"') && ok;
}

static bool put_class(vd_buf *into, vd_slice name)
{
    return vd_buf_add_str(into, "  - ") && put_quoted(into, name) && vd_buf_add_str(into, "\n");
}

static vd_err put_label_file(vd_buf *into, const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(LABELS_BYTES);
    vd_err err = vd_file_load(path, &text, why);
    if (err) return err;
    vd_slice rest = vd_buf_slice(&text);
    unsigned count = 0;
    if (!vd_slice_utf8_valid(rest))
        return vd_fail(why, VD_INVALID, "the label file '%.100s' is not UTF-8 text", path);
    while (rest.len) {
        vd_slice line = vd_slice_cut(rest, '\n', &rest);
        if (line.len && line.data[line.len - 1] == '\r') line.len--;
        if (!line.len) continue;
        count++;
        if (!put_class(into, line)) return vd_fail(why, VD_FULL, "the labels are too long");
    }
    if (!count) return vd_fail(why, VD_INVALID, "the label file '%.100s' names no class", path);
    return VD_OK;
}

static vd_err put_classes(vd_buf *into, const char *labels, vd_why *why)
{
    bool ok = vd_buf_add_str(into, "classes:\n");
    if (labels) return put_label_file(into, labels, why);
    for (unsigned i = 0; i < COCO_CLASSES; i++)
        ok = ok && put_class(into, vd_slice_str(coco_class[i]));
    return ok ? VD_OK : vd_fail(why, VD_FULL, "the descriptor does not fit in memory");
}

/* The detector of npm @vladmandic/human: pictures stretched to a square, values 0..255. */
vd_err descriptor_centernet(const char *name, const vd_onnx_info *info, const char *labels,
                            vd_buf *into, vd_why *why)
{
    const vd_onnx_tensor *in = &info->input[0], *out = &info->output[0];
    if (info->input_count != 1 || in->rank != 4 || in->dim[1] != 3 || out->rank != 3)
        return vd_fail(why, VD_INVALID, "the model calls itself CenterNet but has another shape");
    bool ok = vd_buf_addf(into,
                          "# How to use this model; docs/model-descriptor.md explains it.\n"
                          "name: %s\nfile: %s.onnx\ninput:\n  name: ",
                          name, name);
    ok = ok && put_quoted(into, vd_slice_str(in->name));
    ok = ok && vd_buf_addf(into,
                           "\n  layout: nchw\n  size: [%lld, %lld]   # width, height\n"
                           "  channels: rgb\n  fit: stretch\n"
                           "  mean: [0, 0, 0]     # value = (channel 0..255 - mean) * scale\n"
                           "  scale: [1, 1, 1]\noutput:\n  decode: centernet\n  detections: ",
                           (long long)in->dim[3], (long long)in->dim[2]);
    ok = ok && put_quoted(into, vd_slice_str(out->name));
    ok = ok && vd_buf_add_str(into, "\nscore_min: 0.3\nnms_iou: 0.7\n");
    if (!ok) return vd_fail(why, VD_FULL, "the descriptor does not fit in memory");
    return put_classes(into, labels, why);
}

/* TensorFlow's detectors of COCO number 90 classes, ten of which were never used. */
static bool put_coco_90(vd_buf *into)
{
    static const unsigned gaps[] = { 11, 25, 28, 29, 44, 65, 67, 68, 70, 82 };
    bool ok = vd_buf_add_str(into, "classes:\n");
    unsigned gap = 0;
    for (unsigned i = 0; i < COCO_CLASSES + VD_COUNT_OF(gaps); i++) {
        bool unused = gap < VD_COUNT_OF(gaps) && gaps[gap] == i;
        ok = ok && (unused ? vd_buf_addf(into, "  - unused-%u\n", i + 1)
                           : put_class(into, vd_slice_str(coco_class[i - gap])));
        gap += unused;
    }
    return ok;
}

static unsigned count_labels(const char *path)
{
    VD_AUTO(vd_buf) list = VD_BUF(DESCRIPTOR_LABELS_YAML);
    unsigned count = 0;
    if (!path || put_label_file(&list, path, NULL) != VD_OK) return 0;
    for (size_t i = 0; i < list.len; i++) count += list.data[i] == '\n';
    return count;
}

/* Name, size and numbers of the input. Without steps of its own a picture is taken as -1..1, as
 * TensorFlow's models of this kind are trained. */
static bool put_input(vd_buf *into, const char *name, const vd_onnx_info *info,
                      const tflite_facts *facts)
{
    const vd_onnx_tensor *in = &info->input[0];
    bool ok = vd_buf_addf(into,
                          "# How to use this model; docs/model-descriptor.md explains it.\n"
                          "name: %s\nfile: %s.onnx\ninput:\n  name: ",
                          name, name);
    ok = ok && put_quoted(into, vd_slice_str(in->name));
    return ok &&
           vd_buf_addf(into,
                       "\n  layout: nchw\n  size: [%lld, %lld]   # width, height\n"
                       "  channels: rgb\n  fit: stretch\n"
                       "  # value = (channel 0..255 - mean) * scale; %s\n"
                       "  mean: %.9g\n  scale: %.9g\n",
                       (long long)in->dim[3], (long long)in->dim[2],
                       facts->steps ? "both are the model's own"
                                    : "-1..1 is assumed: correct it if yours wants another",
                       facts->steps ? facts->mean : 127.5, facts->steps ? facts->scale : 1 / 127.5);
}

static bool put_named(vd_buf *into, const char *key, const char *name)
{
    return vd_buf_addf(into, "  %s: ", key) && put_quoted(into, vd_slice_str(name)) &&
           vd_buf_add_str(into, "\n");
}

static vd_err put_detector(vd_buf *into, const tflite_facts *facts, const char *labels, vd_why *why)
{
    bool coco = facts->classes == 90 || facts->classes == 80;
    if (labels ? count_labels(labels) != facts->classes : !coco) {
        vd_fail(why, VD_INVALID, "the detector has %lld classes without known names",
                (long long)facts->classes);
        vd_why_hint(why, "give a text file with one name a line, in its order, with --labels");
        return VD_INVALID;
    }
    bool ok = vd_buf_add_str(into, "output:\n  decode: ssd\n") &&
              put_named(into, "boxes", facts->output[0]) &&
              put_named(into, "classes", facts->output[1]) &&
              put_named(into, "scores", facts->output[2]) &&
              put_named(into, "count", facts->output[3]) &&
              vd_buf_add_str(into, "  boxes_as: tlbr\nscore_min: 0.3\n"
                                   "nms_iou: 1   # the model has done that\n");
    if (ok && (labels || facts->classes == 80)) return put_classes(into, labels, why);
    return ok && put_coco_90(into) ? VD_OK
                                   : vd_fail(why, VD_FULL, "the descriptor does not fit in memory");
}

static vd_err put_classifier(vd_buf *into, const vd_onnx_info *info, const char *labels,
                             vd_why *why)
{
    int64_t scores = 1;
    for (int i = 0; i < info->output[0].rank; i++) scores *= info->output[0].dim[i];
    unsigned named = count_labels(labels);
    if (named != scores) {
        vd_fail(why, VD_INVALID, "the model gives %lld scores, the labels name %u classes",
                (long long)scores, named);
        vd_why_hint(why, "one name a line, in the model's order; a background class counts too");
        return VD_INVALID;
    }
    bool ok = vd_buf_add_str(into, "output:\n  decode: classification\n") &&
              put_named(into, "scores", info->output[0].name) &&
              vd_buf_add_str(into, "  activation: none\nscore_min: 0.3\n");
    return ok ? put_classes(into, labels, why)
              : vd_fail(why, VD_FULL, "the descriptor does not fit in memory");
}

vd_err descriptor_tflite(const char *name, const vd_onnx_info *info, const tflite_facts *facts,
                         const char *labels, vd_buf *into, vd_why *why)
{
    bool classifier = labels && info->output_count == 1 && !facts->detection;
    if (!facts->detection && !classifier) {
        vd_fail(why, VD_INVALID, "the model is none that Vedette knows by its outputs");
        vd_why_hint(why, "a classifier needs --labels; for others write a descriptor "
                         "(docs/model-descriptor.md) and give it with --descriptor");
        return VD_INVALID;
    }
    if (!put_input(into, name, info, facts))
        return vd_fail(why, VD_FULL, "the descriptor does not fit in memory");
    return facts->detection ? put_detector(into, facts, labels, why)
                            : put_classifier(into, info, labels, why);
}
