#include "descriptor_priv.h"

#include "coco_priv.h"
#include "limits.h"
#include "vd/file.h"

#include <stdio.h>

#define LABELS_BYTES 65536u

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
