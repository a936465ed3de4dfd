/* lineage.c - what was before and after a thing, whichever it is.
 *
 *   picture ─▶ datasets that hold it ─▶ their runs ─▶ their models ─▶ devices
 *   model ─▶ its run, dataset, parent; its children, the runs that measured it, its devices
 *
 * Which pictures a dataset holds is written in its manifest only. It is canonical JSON, so that the
 * text "picture":"<digest>" stands for exactly that member. */
#include "registry_priv.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vd/json.h"

#define PICTURES_SHOWN 50
#define DATASETS_MAX   40
#define MARK           "\"picture\":\""

typedef struct {
    vd_store *store;
    vd_blobs *blobs;
    const char *kind;
    lineage_digests datasets, models;
    const char *thing;
} lineage;

/* ---- manifests ---- */

typedef struct {
    void *bytes;
    size_t len;
} mapped;
static void mapped_done(mapped *m)
{
    if (m->bytes) munmap(m->bytes, m->len);
}
VD_AUTO_DEFINE(mapped, mapped_done)

static mapped map_manifest(const lineage *l, const vd_digest *dataset)
{
    char path[REGISTRY_PATH];
    uint64_t bytes = 0;
    mapped m = { 0 };
    if (vd_blobs_path(l->blobs, dataset, path, sizeof path, &bytes) || !bytes) return m;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return m;
    void *at = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return m;
    m.bytes = at;
    m.len = (size_t)bytes;
    return m;
}

/* The digest behind the next mark from *at on; NULL: no more. */
static const char *next_picture(const mapped *m, size_t *at)
{
    const char *text = m->bytes;
    const char *found =
        m->len > *at ? memmem(text + *at, m->len - *at, MARK, sizeof MARK - 1) : NULL;
    if (!found) return NULL;
    size_t from = (size_t)(found - text) + sizeof MARK - 1;
    if (from + VD_SHA256_HEX > m->len) return NULL;
    *at = from + VD_SHA256_HEX;
    return text + from;
}

static bool holds(const lineage *l, const vd_digest *dataset, const char *picture)
{
    VD_AUTO(mapped) m = map_manifest(l, dataset);
    size_t at = 0;
    const char *found;
    while ((found = next_picture(&m, &at)))
        if (memcmp(found, picture, VD_SHA256_HEX) == 0) return true;
    return false;
}

/* ---- datasets ---- */

static void add_dataset(lineage *l, const char *hex)
{
    vd_digest digest;
    if (!hex || l->datasets.count == DATASETS_MAX || !vd_digest_parse(vd_slice_str(hex), &digest))
        return;
    for (unsigned n = 0; n < l->datasets.count; n++)
        if (strcmp(l->datasets.digest[n].hex, digest.hex) == 0) return;
    l->datasets.digest[l->datasets.count++] = digest;
}

static vd_err datasets_of_picture(lineage *l, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(l->store, "lineage_dataset_newest");
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_digest digest;
        if (vd_digest_parse(vd_slice_str(vd_col_text(rows, 0)), &digest) &&
            holds(l, &digest, l->thing))
            add_dataset(l, digest.hex);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err datasets_of_runs(lineage *l, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(l->store, "lineage_run");
    vd_bind_text(rows, "thing", l->thing);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) add_dataset(l, vd_col_text(rows, 5));
    return err == VD_ABSENT ? VD_OK : err;
}

static vd_err dataset_of_model(lineage *l, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(l->store, "model_get");
    vd_bind_text(row, "digest", l->thing);
    vd_err err = vd_stmt_row(row, why);
    if (!err) add_dataset(l, vd_col_text(row, 11));
    vd_stmt_finish(row);
    return err;
}

static vd_err write_datasets(const lineage *l, vd_json_w *w, vd_why *why)
{
    vd_err err = VD_OK;
    vd_json_w_key(w, "datasets");
    vd_json_w_list(w);
    for (unsigned n = 0; !err && n < l->datasets.count; n++) {
        vd_stmt *row = vd_store_stmt(l->store, "lineage_dataset");
        vd_bind_text(row, "digest", l->datasets.digest[n].hex);
        err = vd_stmt_row(row, why);
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "digest", l->datasets.digest[n].hex);
        if (!err) {
            vd_json_w_kv_text(w, "name", vd_col_text(row, 0));
            vd_json_w_kv_time(w, "made_at", vd_col_int(row, 1));
            vd_json_w_kv_int(w, "pictures", vd_col_int(row, 2));
        }
        vd_json_w_object_end(w);
        vd_stmt_finish(row);
        if (err == VD_ABSENT) err = VD_OK; /* another hub's dataset: named, not known */
    }
    vd_json_w_list_end(w);
    return err;
}

static void write_pictures(const lineage *l, vd_json_w *w)
{
    unsigned count = 0;
    bool one = strcmp(l->kind, "picture") == 0;
    vd_json_w_key(w, "pictures");
    vd_json_w_list(w);
    if (one) vd_json_w_text(w, l->thing);
    for (unsigned n = 0; !one && n < l->datasets.count; n++) {
        VD_AUTO(mapped) m = map_manifest(l, &l->datasets.digest[n]);
        size_t at = 0;
        const char *hex;
        for (; (hex = next_picture(&m, &at)); count++)
            if (count < PICTURES_SHOWN) vd_json_w_slice(w, vd_slice_of(hex, VD_SHA256_HEX));
        if (strcmp(l->kind, "model") == 0) break; /* its own dataset is the first */
    }
    vd_json_w_list_end(w);
    vd_json_w_kv_int(w, "picture_count", one ? 1 : (int64_t)count);
}

/* ---- runs and models ---- */

static vd_err write_runs_of(const lineage *l, const char *thing, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(l->store, "lineage_run");
    vd_bind_text(rows, "thing", thing);
    while ((err = vd_stmt_row(rows, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "run", vd_col_text(rows, 0));
        vd_json_w_kv_text(w, "kind", vd_col_text(rows, 1));
        vd_json_w_kv_text(w, "state", vd_col_text(rows, 2));
        vd_json_w_kv_text(w, "who", vd_col_text(rows, 3));
        vd_json_w_kv_time(w, "at", vd_col_int(rows, 4));
        vd_json_w_object_end(w);
    }
    return err == VD_ABSENT ? VD_OK : err;
}

/* From a picture, what its datasets led to; otherwise what the thing itself did. */
static vd_err write_rest(lineage *l, vd_json_w *w, vd_why *why)
{
    bool picture = strcmp(l->kind, "picture") == 0;
    unsigned count = picture ? l->datasets.count : 1;
    vd_err err = VD_OK;
    vd_json_w_key(w, "runs");
    vd_json_w_list(w);
    for (unsigned n = 0; !err && n < count; n++)
        err = write_runs_of(l, picture ? l->datasets.digest[n].hex : l->thing, w, why);
    vd_json_w_list_end(w);
    vd_json_w_key(w, "models");
    vd_json_w_list(w);
    for (unsigned n = 0; !err && n < count; n++)
        err = lineage_models(l->store, picture ? l->datasets.digest[n].hex : l->thing, &l->models,
                             w, why);
    vd_json_w_list_end(w);
    vd_json_w_key(w, "devices");
    vd_json_w_list(w);
    if (!err) err = lineage_devices(l->store, &l->models, w, why);
    vd_json_w_list_end(w);
    return err;
}

/* ---- which thing it is ---- */

static bool has_row(vd_store *store, const char *statement, const char *parameter,
                    const char *value)
{
    vd_stmt *row = vd_store_stmt(store, statement);
    vd_bind_text(row, parameter, value);
    bool found = vd_stmt_row(row, NULL) == VD_OK;
    vd_stmt_finish(row);
    return found;
}

static vd_err find_kind(lineage *l, vd_why *why)
{
    vd_ulid run;
    vd_digest digest;
    vd_slice text = vd_slice_str(l->thing);
    bool hex = text.len == VD_SHA256_HEX && vd_digest_parse(text, &digest);
    if (vd_ulid_parse(text, &run) && has_row(l->store, "lineage_run", "thing", l->thing))
        l->kind = "run";
    else if (hex && has_row(l->store, "model_get", "digest", l->thing))
        l->kind = "model";
    else if (hex && has_row(l->store, "lineage_dataset", "digest", l->thing))
        l->kind = "dataset";
    else if (hex && has_row(l->store, "lineage_picture", "digest", l->thing))
        l->kind = "picture";
    else
        return vd_fail(why, VD_ABSENT, "no picture, dataset, run or model here is '%.80s'",
                       l->thing);
    return VD_OK;
}

static vd_err find_datasets(lineage *l, vd_why *why)
{
    vd_err err = VD_OK;
    if (strcmp(l->kind, "dataset") == 0) add_dataset(l, l->thing);
    if (strcmp(l->kind, "model") == 0) err = dataset_of_model(l, why);
    if (strcmp(l->kind, "picture") == 0) return datasets_of_picture(l, why);
    return err ? err : datasets_of_runs(l, why);
}

vd_err vd_registry_write_lineage(vd_store *store, vd_blobs *blobs, const char *thing, vd_json_w *w,
                                 vd_why *why)
{
    lineage l = { .store = store, .blobs = blobs, .thing = thing };
    vd_err err = find_kind(&l, why);
    if (!err) err = find_datasets(&l, why);
    if (err) return err;
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "kind", l.kind);
    vd_json_w_kv_text(w, "thing", thing);
    write_pictures(&l, w);
    err = write_datasets(&l, w, why);
    if (!err) err = write_rest(&l, w, why);
    vd_json_w_object_end(w);
    return err;
}
