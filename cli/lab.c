/* lab.c - the pool, labels and dataset versions. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_priv.h"

#define PATH_BYTES 8192

static const column pool_columns[] = {
    { "PICTURE", "picture" }, { "LABEL", "label_state" },     { "REASON", "reason" },
    { "DEVICE", "device" },   { "CAMERA", "camera" },         { "CAPTURED", "captured_at" },
    { "TEACHES", "teach" },   { "VERDICT", "label.verdict" }, { "BY", "label.by" },
};
static const column label_fields[] = {
    { "picture", "picture" },       { "version", "version" },   { "label", "label_state" },
    { "verdict", "label.verdict" }, { "class", "label.class" }, { "by", "label.by" },
};
static const column dataset_columns[] = {
    { "DATASET", "digest" },    { "NAME", "name" },           { "TASK", "task" },
    { "PICTURES", "pictures" }, { "TRAIN", "splits.train" },  { "VAL", "splits.val" },
    { "TEST", "splits.test" },  { "TEST USES", "test_uses" }, { "MADE", "made_at" },
};
static const column dataset_fields[] = {
    { "dataset", "digest" }, { "name", "name" },  { "task", "task" },         { "seed", "seed" },
    { "made", "made_at" },   { "by", "made_by" }, { "pictures", "pictures" }, { "boxes", "boxes" },
};
static const column split_columns[] = {
    { "SPLIT", "split" }, { "PICTURES", "pictures" }, { "BOXES", "boxes" },
    { "EMPTY", "empty" }, { "GROUPS", "groups" },     { "USES", "uses" },
};
static const column class_columns[] = {
    { "CLASS", "class" },
    { "TRAIN", "boxes.train" },
    { "VAL", "boxes.val" },
    { "TEST", "boxes.test" },
};
static const column import_fields[] = {
    { "pictures", "pictures" }, { "new", "added" },   { "known", "known" },
    { "labels", "labels" },     { "boxes", "boxes" }, { "refused", "refused_count" },
};

static vd_err get(const char *path, vd_json **ret_root, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    vd_err err = api_open(&a, why);
    return err ? err : api_call(a, "GET", path, VD_SLICE_NONE, ret_root, why);
}

/* ---- the pool ---- */

vd_err run_pool_list(cli *c, vd_why *why)
{
    static const char *const same[] = { "label",  "source", "reason", "device",
                                        "camera", "class",  "order" };
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    char rows[24];
    uint64_t limit = 50;

    vd_err err = cli_number(c, "limit", 200, &limit, why);
    if (err) return err;
    (void)snprintf(rows, sizeof rows, "%llu", (unsigned long long)limit);
    vd_buf_add_str(&path, "/api/v1/pool");
    query_add(&path, "limit", rows);
    for (size_t i = 0; i < VD_COUNT_OF(same); i++)
        query_add(&path, same[i], cli_option(c, same[i]));
    return list_show(c, path.data, "pictures", pool_columns, VD_COUNT_OF(pool_columns), why);
}

/* "person:0.1,0.2,0.3,0.4": a class and l, t, w, h. */
static vd_err write_box(vd_slice text, vd_json_w *w, vd_why *why)
{
    char numbers[200], name[100], *at = numbers;
    double side[4];
    vd_slice rest = VD_SLICE_NONE;
    vd_slice class_name = vd_slice_cut(text, ':', &rest);

    bool ok = class_name.len && vd_slice_to_chars(class_name, name, sizeof name) &&
              vd_slice_to_chars(rest, numbers, sizeof numbers);
    for (int i = 0; ok && i < 4; i++) {
        char *end = NULL;
        side[i] = strtod(at, &end);
        ok = end != at && *end == (i < 3 ? ',' : '\0');
        at = end + 1;
    }
    if (!ok) {
        vd_fail(why, VD_INVALID, "'%.*s' is no box", (int)(text.len < 80 ? text.len : 80),
                (const char *)text.data);
        vd_why_hint(why, "--boxes 'person:0.1,0.2,0.3,0.4;dog:...': class, left, top, width, "
                         "height as parts of the picture");
        return VD_INVALID;
    }
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "class", name);
    vd_json_w_key(w, "box");
    vd_json_w_object(w);
    for (int i = 0; i < 4; i++)
        vd_json_w_kv_num(w, (const char *const[]){ "l", "t", "w", "h" }[i], side[i], 8);
    vd_json_w_object_end(w);
    vd_json_w_object_end(w);
    return VD_OK;
}

static vd_err write_label(cli *c, int64_t version, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    const char *name = cli_option(c, "class");
    vd_slice boxes = vd_slice_str(cli_option(c, "boxes"));
    vd_err err = VD_OK;

    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "version", version);
    vd_json_w_kv_text(&w, "verdict", cli_argument(c, 1));
    if (name) vd_json_w_kv_text(&w, "class", name);
    vd_json_w_key(&w, "boxes");
    vd_json_w_list(&w);
    while (!err && boxes.len) {
        vd_slice one = vd_slice_cut(boxes, ';', &boxes);
        if (one.len) err = write_box(one, &w, why);
    }
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return err || !vd_json_w_end(&w) ? err : vd_fail(why, VD_FULL, "the label is too long");
}

vd_err run_pool_label(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) now = NULL;
    VD_AUTO(vd_json_ptr) then = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    VD_AUTO(vd_buf) body = VD_BUF(1 << 20);
    uint64_t version = 0;

    vd_err err = cli_number(c, "version", INT64_MAX, &version, why);
    if (!err) err = api_open(&a, why);
    if (err) return err;
    vd_buf_add_str(&path, "/api/v1/pool");
    path_add(&path, cli_argument(c, 0));
    if (!version) err = api_call(a, "GET", path.data, VD_SLICE_NONE, &now, why);
    if (now) version = (uint64_t)vd_json_int(vd_json_get(now, "version"), 0);
    if (!err) err = write_label(c, (int64_t)version, &body, why);
    vd_buf_add_str(&path, "/label");
    if (!err) err = api_call(a, "PUT", path.data, vd_buf_slice(&body), &then, why);
    if (err) return err;
    if (c->json)
        json_line(then);
    else
        fields_print(then, label_fields, VD_COUNT_OF(label_fields));
    return VD_OK;
}

/* ---- versions ---- */

static void print_warnings(const vd_json *root)
{
    const vd_json *list = vd_json_get(root, "warnings");
    for (size_t i = 0; i < vd_json_len(list); i++) {
        const vd_json *one = vd_json_at(list, i);
        const char *hint = vd_json_text(vd_json_get(one, "hint"), NULL);
        printf("warning: %s%s%s\n", vd_json_text(vd_json_get(one, "fact"), ""), hint ? ": " : "",
               hint ? hint : "");
    }
}

vd_err run_dataset_list(cli *c, vd_why *why)
{
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    vd_buf_add_str(&path, "/api/v1/datasets?limit=200");
    query_add(&path, "name", cli_option(c, "name"));
    return list_show(c, path.data, "datasets", dataset_columns, VD_COUNT_OF(dataset_columns), why);
}

static void write_list(vd_json_w *w, const char *key, const char *text)
{
    vd_slice rest = vd_slice_str(text);
    if (!text) return;
    vd_json_w_key(w, key);
    vd_json_w_list(w);
    while (rest.len) vd_json_w_slice(w, vd_slice_cut(rest, ',', &rest));
    vd_json_w_list_end(w);
}

static vd_err write_wish(cli *c, vd_buf *into, vd_why *why)
{
    vd_json_w w = vd_json_writer(into);
    uint64_t seed = 1, block_s = 0;

    vd_err err = cli_number(c, "seed", INT64_MAX >> 11, &seed, why);
    if (!err) err = cli_number(c, "block", 31536000, &block_s, why);
    if (err) return err;
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "name", cli_argument(c, 0));
    vd_json_w_kv_int(&w, "seed", (int64_t)seed);
    if (cli_option(c, "task")) vd_json_w_kv_text(&w, "task", cli_option(c, "task"));
    if (block_s) {
        vd_json_w_key(&w, "split");
        vd_json_w_object(&w);
        vd_json_w_kv_int(&w, "block_s", (int64_t)block_s);
        vd_json_w_object_end(&w);
    }
    write_list(&w, "classes", cli_option(c, "classes"));
    write_list(&w, "cameras", cli_option(c, "cameras"));
    bool reviewed = vd_args_has(&c->program, &c->args, "reviewed");
    if (reviewed) vd_json_w_kv_bool(&w, "reviewed_only", true);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w) ? vd_fail(why, VD_FULL, "the wish is too long") : VD_OK;
}

vd_err run_dataset_create(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(1 << 20);

    vd_err err = write_wish(c, &body, why);
    if (!err) err = api_open(&a, why);
    if (!err) err = api_call(a, "POST", "/api/v1/datasets", vd_buf_slice(&body), &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    fields_print(vd_json_get(root, "dataset"), dataset_fields, VD_COUNT_OF(dataset_fields));
    print_warnings(root);
    return VD_OK;
}

vd_err run_dataset_show(cli *c, vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    vd_buf_add_str(&path, "/api/v1/datasets");
    path_add(&path, cli_argument(c, 0));
    vd_buf_add_str(&path, "/report");
    vd_err err = get(path.data, &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    fields_print(vd_json_get(root, "dataset"), dataset_fields, VD_COUNT_OF(dataset_fields));
    putchar('\n');
    table_print(vd_json_get(root, "splits"), split_columns, VD_COUNT_OF(split_columns));
    putchar('\n');
    table_print(vd_json_get(root, "classes"), class_columns, VD_COUNT_OF(class_columns));
    print_warnings(root);
    return VD_OK;
}

vd_err run_dataset_diff(cli *c, vd_why *why)
{
    static const char *const kinds[] = { "added", "removed", "relabelled", "moved" };
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);

    vd_buf_add_str(&path, "/api/v1/datasets");
    path_add(&path, cli_argument(c, 0));
    vd_buf_add_str(&path, "/diff");
    path_add(&path, cli_argument(c, 1));
    vd_err err = get(path.data, &root, why);
    if (err) return err;
    if (c->json) {
        json_line(root);
        return VD_OK;
    }
    for (size_t k = 0; k < VD_COUNT_OF(kinds); k++) {
        const vd_json *list = vd_json_get(root, kinds[k]);
        for (size_t i = 0; i < vd_json_len(list); i++)
            printf("%-10s %s\n", kinds[k], vd_json_text(vd_json_at(list, i), ""));
    }
    printf("%lld pictures are the same\n", (long long)vd_json_int(vd_json_get(root, "same"), 0));
    return VD_OK;
}

/* ---- in and out ---- */

static vd_err map_file(const char *path, vd_slice *ret_bytes, vd_why *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return vd_fail_errno(why, "%s cannot be read", path);
    bool ok = fstat(fd, &st) == 0 && st.st_size > 0;
    void *at = ok ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (!ok) return vd_fail(why, VD_INVALID, "%s is empty", path);
    if (at == MAP_FAILED) return vd_fail_errno(why, "%s cannot be read", path);
    *ret_bytes = vd_slice_of(at, (size_t)st.st_size);
    return VD_OK;
}

static void print_import(const cli *c, const vd_json *root)
{
    const vd_json *refused = vd_json_get(root, "refused");
    if (c->json) {
        json_line(root);
        return;
    }
    fields_print(root, import_fields, VD_COUNT_OF(import_fields));
    for (size_t i = 0; i < vd_json_len(refused); i++) {
        const vd_json *one = vd_json_at(refused, i);
        printf("refused %s: %s\n", vd_json_text(vd_json_get(one, "name"), ""),
               vd_json_text(vd_json_get(one, "why"), ""));
    }
}

vd_err run_dataset_import(cli *c, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_json_ptr) root = NULL;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    vd_slice bytes = VD_SLICE_NONE;

    vd_buf_add_str(&path, "/api/v1/pool/import");
    query_add(&path, "format", cli_option(c, "format") ? cli_option(c, "format") : "coco");
    query_add(&path, "camera", cli_option(c, "camera"));
    vd_err err = map_file(cli_argument(c, 0), &bytes, why);
    if (err) return err;
    err = api_open(&a, why);
    if (!err) err = api_call(a, "POST", path.data, bytes, &root, why);
    if (!err) print_import(c, root);
    (void)munmap((void *)bytes.data, bytes.len);
    return err;
}

vd_err run_dataset_version_export(cli *c, const char *dataset, const char *format, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_file) file = VD_FILE_NONE;
    VD_AUTO(vd_buf) path = VD_BUF(PATH_BYTES);
    const char *into = cli_argument(c, 0);

    vd_buf_add_str(&path, "/api/v1/datasets");
    path_add(&path, dataset);
    vd_buf_add_str(&path, "/export");
    query_add(&path, "format", format);
    vd_err err = api_open(&a, why);
    if (!err) err = vd_file_create(into, 0644, &file, why);
    if (!err) err = api_download(a, path.data, &file, why);
    if (!err) err = vd_file_publish(&file, why);
    if (!err && !c->json) printf("%s holds the dataset\n", into);
    return err;
}
