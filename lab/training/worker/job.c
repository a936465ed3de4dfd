#include "job_priv.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inference.h"
#include "set_priv.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/log.h"

#define TELL_EVERY_US 3000000

void job_path(const job *j, const char *name, char into[TRAINER_PATH_ROOM])
{
    (void)snprintf(into, TRAINER_PATH_ROOM, "%s/%s", j->folder, name);
}

/* ---- telling ---- */

static void write_points(const job *j, vd_json_w *w)
{
    vd_json_w_key(w, "points");
    vd_json_w_list(w);
    for (unsigned i = 0; i < j->point_count; i++) {
        vd_json_w_object(w);
        vd_json_w_kv_int(w, "step", (int64_t)j->point[i].step);
        for (unsigned k = 0; k < j->point[i].count; k++)
            if (isfinite(j->point[i].value[k].value))
                vd_json_w_kv_num(w, j->point[i].value[k].name, j->point[i].value[k].value, 7);
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
}

static void write_words(const job *j, vd_json_w *w)
{
    vd_json_w_key(w, "words");
    vd_json_w_list(w);
    for (unsigned i = 0; i < j->word_count; i++) vd_json_w_text(w, j->words[i]);
    vd_json_w_list_end(w);
}

static vd_err send_progress(job *j, bool *ret_go_on, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(1u << 20);
    VD_AUTO(vd_json_ptr) answer = NULL;
    char path[96];
    vd_json_w w = vd_json_writer(&body);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "lease", j->lease);
    vd_json_w_kv_int(&w, "step", (int64_t)j->step);
    vd_json_w_kv_int(&w, "steps", (int64_t)j->steps);
    write_points(j, &w);
    write_words(j, &w);
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the progress does not fit");
    (void)snprintf(path, sizeof(path), "/api/v1/worker/runs/%s/progress", j->id);
    vd_err err = link_call(j->link, "POST", path, vd_buf_slice(&body), &answer, why);
    if (err) return err;
    *ret_go_on = vd_json_bool(vd_json_get(answer, "go_on"), true);
    if (!*ret_go_on)
        (void)vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(answer, "why"),
                                                          "the run was cancelled")),
                                j->reason, sizeof(j->reason));
    return VD_OK;
}

bool job_tell(job *j, bool now)
{
    bool go_on = true;
    vd_why why = { 0 };
    int64_t at = vd_clock_mono_us();
    if (j->cancelled) return false;
    if (!now && at - j->told_us < TELL_EVERY_US && j->point_count < JOB_POINTS_MAX) return true;
    vd_err err = send_progress(j, &go_on, &why);
    j->told_us = at;
    if (err) {
        /* The work goes on; what was to be told waits for the next time. */
        vd_log_why(VD_LOG_WARN, "worker.untold", "the hub could not be told how far the run is",
                   &why, "run", j->id, NULL);
        j->cancelled = err == VD_ABSENT || err == VD_DENIED;
        return !j->cancelled;
    }
    j->point_count = j->word_count = 0;
    j->cancelled = !go_on;
    return go_on;
}

void job_say(job *j, const char *text)
{
    vd_log(VD_LOG_INFO, "worker.says", text, "run", j->id, NULL);
    if (j->word_count == JOB_WORDS_MAX) return;
    (void)vd_slice_to_chars(vd_slice_str(text), j->words[j->word_count++], sizeof(j->words[0]));
}

void job_note(job *j, uint64_t step, uint64_t steps, const trainer_value *values, unsigned count)
{
    j->step = step;
    j->steps = steps;
    if (!count) return;
    job_point *p = j->point_count ? &j->point[j->point_count - 1] : NULL;
    if (!p || p->step != step) {
        if (j->point_count == JOB_POINTS_MAX) { /* the hub was away: the newest stay */
            memmove(j->point, j->point + 1, (JOB_POINTS_MAX - 1) * sizeof(*j->point));
            j->point_count--;
        }
        p = &j->point[j->point_count++];
        *p = (job_point){ .step = step };
    }
    for (unsigned i = 0; i < count && p->count < VD_COUNT_OF(p->value); i++)
        p->value[p->count++] = values[i];
}

/* ---- fetching ---- */

static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static vd_err fetch_blob(job *j, const char *digest_text, const char *file, vd_why *why)
{
    vd_digest digest;
    char path[128];
    if (!vd_digest_parse(vd_slice_str(digest_text), &digest))
        return vd_fail(why, VD_INVALID, "the run names a file that is no digest");
    (void)snprintf(path, sizeof(path), "/api/v1/blobs/%s", digest.hex);
    return link_fetch(j->link, path, file, &digest, why);
}

/* The registry knows which descriptor belongs to a model. */
static vd_err descriptor_of(job *j, const char *model, char into[VD_SHA256_HEX + 1], vd_why *why)
{
    VD_AUTO(vd_json_ptr) root = NULL;
    char path[128];
    const char *given =
        vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "descriptor"), NULL);
    if (!given) {
        (void)snprintf(path, sizeof(path), "/api/v1/models/%.64s", model);
        vd_err err = link_call(j->link, "GET", path, VD_SLICE_NONE, &root, why);
        if (err) return err;
        const vd_json *inner = vd_json_get(root, "model");
        given = vd_json_text(vd_json_get(inner ? inner : root, "descriptor"), NULL);
    }
    if (!given || !vd_slice_to_chars(vd_slice_str(given), into, VD_SHA256_HEX + 1))
        return vd_fail(why, VD_ABSENT, "the start model has no descriptor");
    return VD_OK;
}

/* The descriptor names its model's file; both get that name, without a folder. */
static vd_err fetch_model(job *j, vd_why *why)
{
    char digest[VD_SHA256_HEX + 1], path[TRAINER_PATH_ROOM], final[TRAINER_PATH_ROOM];
    const char *model = vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "model"), "");
    vd_descriptor *descriptor = NULL;
    job_path(j, "start.model.yaml", path);
    vd_err err = descriptor_of(j, model, digest, why);
    if (!err) err = fetch_blob(j, digest, path, why);
    if (!err) err = vd_descriptor_load(path, &descriptor, why);
    if (err) return err;
    const char *file = vd_descriptor_facts_of(descriptor)->file;
    size_t len = strlen(file);
    bool plain = len > 5 && len < 200 && strcmp(file + len - 5, ".onnx") == 0;
    (void)snprintf(final, sizeof(final), "%s/%.*s.model.yaml", j->folder, plain ? (int)len - 5 : 5,
                   plain ? file : "start");
    job_path(j, plain ? file : "start.onnx", j->model);
    (void)vd_descriptor_free(descriptor);
    if (!plain) return vd_fail(why, VD_INVALID, "the model's descriptor names no .onnx file");
    if (strcmp(path, final) != 0 && rename(path, final) != 0)
        return vd_fail_errno(why, "'%.200s' cannot be made", final);
    return fetch_blob(j, model, j->model, why);
}

static vd_err fetch_manifest(job *j, vd_why *why)
{
    char path[128];
    vd_digest digest;
    const char *text = vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "dataset"), "");
    if (!vd_digest_parse(vd_slice_str(text), &digest))
        return vd_fail(why, VD_INVALID, "the run names no dataset");
    (void)snprintf(path, sizeof(path), "/api/v1/datasets/%s", digest.hex);
    job_path(j, "manifest.json", j->manifest);
    return link_fetch(j->link, path, j->manifest, &digest, why);
}

/* Pictures stay for the next run; a file under its final name is whole and checked. */
static vd_err fetch_pictures(job *j, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(SET_BYTES_MAX);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_err err = vd_file_load(j->manifest, &text, why);
    if (!err) err = vd_json_parse(vd_buf_slice(&text), SET_BYTES_MAX, 8, &root, why);
    const vd_json *list = vd_json_get(root, "pictures");
    for (size_t i = 0; !err && i < vd_json_len(list); i++) {
        char file[TRAINER_PATH_ROOM];
        const char *digest = vd_json_text(vd_json_get(vd_json_at(list, i), "picture"), "");
        if (strlen(digest) != VD_SHA256_HEX || strchr(digest, '/'))
            return vd_fail(why, VD_INVALID, "the dataset names a picture that is no digest");
        (void)snprintf(file, sizeof(file), "%s/%s", j->pictures, digest);
        if (!is_there(file)) err = fetch_blob(j, digest, file, why);
        if (!err && !job_tell(j, false)) err = vd_fail(why, VD_GONE, "%s", j->reason);
    }
    return err;
}

static vd_err fetch_checkpoint(job *j, vd_why *why)
{
    char path[128], file[TRAINER_PATH_ROOM];
    (void)snprintf(path, sizeof(path), "/api/v1/worker/runs/%s/files/checkpoint.bin", j->id);
    job_path(j, "checkpoint.bin", file);
    vd_err err = link_fetch(j->link, path, file, NULL, why);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err job_fetch(job *j, vd_why *why)
{
    vd_err err = vd_dir_make(j->pictures, 0750, why);
    if (!err) err = vd_dir_make(j->folder, 0750, why);
    if (!err) err = fetch_manifest(j, why);
    if (!err) err = fetch_model(j, why);
    if (!err) err = fetch_pictures(j, why);
    if (!err) err = fetch_checkpoint(j, why);
    return err;
}

/* ---- leaving ---- */

vd_err job_leave(job *j, const char *name, vd_why *why)
{
    char path[128], file[TRAINER_PATH_ROOM];
    (void)snprintf(path, sizeof(path), "/api/v1/worker/runs/%s/files/%s", j->id, name);
    job_path(j, name, file);
    return link_send(j->link, path, j->lease, file, why);
}

vd_err job_finish(job *j, vd_err failed, const vd_why *what, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(65536);
    char path[96];
    (void)job_tell(j, true);
    if (j->cancelled) return vd_fail(why, VD_GONE, "%s", j->reason);
    vd_json_w w = vd_json_writer(&body);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "lease", j->lease);
    vd_json_w_kv_text(&w, "state", failed ? "failed" : "done");
    if (failed) {
        vd_json_w_key(&w, "why");
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "class", vd_err_name(failed));
        vd_json_w_kv_text(&w, "fact", what->fact);
        if (what->detail[0]) vd_json_w_kv_text(&w, "detail", what->detail);
        if (what->hint[0]) vd_json_w_kv_text(&w, "hint", what->hint);
        vd_json_w_object_end(&w);
    }
    vd_json_w_object_end(&w);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the report of the run does not fit");
    (void)snprintf(path, sizeof(path), "/api/v1/worker/runs/%s/finish", j->id);
    return link_call(j->link, "POST", path, vd_buf_slice(&body), NULL, why);
}

void job_clear(job *j)
{
    static const char *const names[] = { "manifest.json", "start.model.yaml", "checkpoint.bin",
                                         "model.onnx",    "model.model.yaml", "training.json",
                                         "report.json",   "detections.jsonl" };
    char path[TRAINER_PATH_ROOM];
    for (size_t i = 0; i < VD_COUNT_OF(names); i++) {
        job_path(j, names[i], path);
        (void)unlink(path);
    }
    size_t len = strlen(j->model);
    (void)unlink(j->model);
    if (len > 5) {
        (void)snprintf(path, sizeof(path), "%.*s.model.yaml", (int)len - 5, j->model);
        (void)unlink(path);
    }
    (void)rmdir(j->folder);
}
