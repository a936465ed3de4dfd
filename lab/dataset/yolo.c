/* yolo.c - YOLO's labels, both ways: one .txt beside each picture, a line a box,
 *   CLASS CX CY W H        (centre and size, parts of the picture; CLASS counts from 0)
 * and the classes in data.yaml (`names:` as a list or a map) or classes.txt. An empty .txt says
 * that nothing is in the picture; a picture without one has no label. What YOLO has no place for
 * (camera, time, tracks, the class of a whole picture) is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "dataset_priv.h"
#include "vd/config.h"

#define LINE_MAX_ 200

/* ---- in ---- */

static vd_err read_yaml(vd_slice text, vd_import_labels *labels, vd_why *why)
{
    VD_AUTO(vd_config_ptr) file = NULL;
    unsigned index;
    vd_err err = vd_config_parse(text, "data.yaml", &file, why);
    if (err) return err;
    const vd_config_node *names = vd_config_get(vd_config_root(file), "names");
    size_t count = vd_config_len(names);
    if (!count) return vd_fail(why, VD_INVALID, "data.yaml has no 'names'");
    for (size_t i = 0; !err && i < count; i++) {
        char place[24];
        const char *name = "", *key = NULL;
        const vd_config_node *node =
            vd_config_is_map(names) ? vd_config_member(names, i, &key) : vd_config_at(names, i);
        (void)snprintf(place, sizeof place, "%zu", i);
        if (key && strcmp(key, place) != 0)
            return vd_fail(why, VD_INVALID, "'names' must count 0, 1, 2, ...");
        err = vd_config_text(node, NULL, &name, why);
        if (!err) err = vd_import_class(labels, name, &index, why);
        if (!err && index != i)
            err = vd_fail(why, VD_INVALID, "the class '%.40s' stands twice in 'names'", name);
    }
    return err;
}

static vd_err read_lines(vd_slice text, vd_import_labels *labels, vd_why *why)
{
    vd_err err = VD_OK;
    unsigned index = 0;
    while (!err && text.len) {
        char name[VD_LABEL_CLASS_BYTES + 2];
        vd_slice line = vd_slice_cut(text, '\n', &text);
        if (line.len && line.data[line.len - 1] == '\r') line.len--;
        if (!line.len) continue;
        (void)vd_slice_to_chars(line, name, sizeof name);
        unsigned before = labels->class_count;
        err = vd_import_class(labels, name, &index, why);
        if (!err && labels->class_count == before)
            err = vd_fail(why, VD_INVALID, "the class '%.40s' stands twice", name);
    }
    return err;
}

vd_err vd_yolo_read_names(vd_slice text, bool yaml, vd_import_labels *labels, vd_why *why)
{
    return yaml ? read_yaml(text, labels, why) : read_lines(text, labels, why);
}

/* Five numbers and nothing else. */
static bool read_numbers(const char *line, double number[5])
{
    const char *at = line;
    for (int i = 0; i < 5; i++) {
        char *end = NULL;
        number[i] = strtod(at, &end);
        if (end == at || (*end && *end != ' ' && *end != '\t')) return false;
        at = end;
    }
    while (*at == ' ' || *at == '\t') at++;
    return *at == '\0';
}

static void read_line(const char *line, unsigned n, vd_import_labels *labels, vd_import_picture *p)
{
    char name[32];
    double v[5];
    (void)snprintf(name, sizeof name, "line %u", n);
    if (!read_numbers(line, v)) {
        (void)vd_fail(&p->why, VD_INVALID, "%s is not 'class cx cy w h'", name);
        vd_why_hint(&p->why, "outlines and scores are not taken");
        return;
    }
    if (!(v[0] >= 0) || v[0] >= labels->class_count || v[0] != (double)(unsigned)v[0]) {
        (void)vd_fail(&p->why, VD_INVALID, "%s has a class that 'names' does not list", name);
        return;
    }
    vd_label_box b = { .class_name = labels->classes[(unsigned)v[0]],
                       .l = v[1] - v[3] / 2,
                       .t = v[2] - v[4] / 2,
                       .w = v[3],
                       .h = v[4] };
    if (!vd_label_box_check(&b, name, &p->why)) p->label.box[p->label.count++] = b;
}

void vd_yolo_read_label(vd_slice text, vd_import_labels *labels, vd_import_picture *p)
{
    unsigned n = 0, lines = 1;
    for (size_t i = 0; i < text.len; i++) lines += text.data[i] == '\n';
    p->labelled = true;
    p->label = (vd_label){ .verdict = VD_LABEL_NOTHING };
    if (lines > VD_LABEL_BOXES_MAX + 1) {
        (void)vd_fail(&p->why, VD_INVALID, "it has more than %d boxes", VD_LABEL_BOXES_MAX);
        return;
    }
    p->label.box = vd_arena_alloc(labels->arena, lines * sizeof *p->label.box);
    if (!p->label.box) (void)vd_fail(&p->why, VD_FULL, "the labels are too large");
    while (text.len && !p->why.fact[0]) {
        char line[LINE_MAX_];
        vd_slice part = vd_slice_cut(text, '\n', &text);
        n++;
        if (part.len && part.data[part.len - 1] == '\r') part.len--;
        if (!vd_slice_to_chars(part, line, sizeof line) || strlen(line) != part.len)
            (void)vd_fail(&p->why, VD_INVALID, "line %u is too long or has a zero byte", n);
        else if (line[strspn(line, " \t")])
            read_line(line, n, labels, p);
    }
    if (p->label.count) p->label.verdict = VD_LABEL_OBJECTS;
}

/* ---- out ---- */

/* At least six decimals, more where they are needed to read back the same interval. */
static void add_interval(double from, double len, char centre[40], char size[40])
{
    for (int places = 6; places <= 12; places++) {
        (void)snprintf(size, 40, "%.*f", places < 8 ? places : 8, len);
        (void)snprintf(centre, 40, "%.*f", places, from + len / 2);
        double c = strtod(centre, NULL), s = strtod(size, NULL);
        if (box_round(s) == len && box_round(c - s / 2) == from) return;
    }
}

vd_err vd_yolo_write_label(const vd_manifest *m, const vd_manifest_picture *p, vd_buf *into,
                           vd_why *why)
{
    for (unsigned i = 0; i < p->box_count; i++) {
        char cx[40], cy[40], w[40], h[40];
        unsigned c = 0;
        while (c < m->class_count && strcmp(m->classes[c], p->box[i].class_name) != 0) c++;
        add_interval(p->box[i].l, p->box[i].w, cx, w);
        add_interval(p->box[i].t, p->box[i].h, cy, h);
        if (!vd_buf_addf(into, "%u %s %s %s %s\n", c, cx, cy, w, h))
            return vd_fail(why, VD_FULL, "the labels are too large");
    }
    return VD_OK;
}

/* In double quotes, as YAML escapes them. */
static bool add_quoted(vd_buf *into, const char *text)
{
    bool ok = vd_buf_add_byte(into, '"');
    for (; ok && *text; text++) {
        if (*text == '"' || *text == '\\') ok = vd_buf_add_byte(into, '\\');
        ok = ok && vd_buf_add_byte(into, (uint8_t)*text);
    }
    return ok && vd_buf_add_byte(into, '"');
}

vd_err vd_yolo_write_names(const vd_manifest *m, vd_buf *into, vd_why *why)
{
    bool ok = vd_buf_add_str(into, "path: .\ntrain: images/train\nval: images/val\n"
                                   "test: images/test\nnames:\n");
    for (unsigned i = 0; ok && i < m->class_count; i++)
        ok = vd_buf_addf(into, "  %u: ", i) && add_quoted(into, m->classes[i]) &&
             vd_buf_add_byte(into, '\n');
    return ok ? VD_OK : vd_fail(why, VD_FULL, "the dataset is too large");
}
