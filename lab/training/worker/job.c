#include "job_priv.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

static vd_err fetch_input(job *j, const char *name, const char *digest_text, const char *file,
                          vd_why *why)
{
    vd_digest digest;
    char path[128];
    if (digest_text && !vd_digest_parse(vd_slice_str(digest_text), &digest))
        return vd_fail(why, VD_INVALID, "the run names a file that is no digest");
    (void)snprintf(path, sizeof(path), "/api/v1/worker/runs/%s/inputs/%s", j->id, name);
    return link_fetch(j->link, path, file, digest_text ? &digest : NULL, why);
}

static bool is_plain(const char *name)
{
    return name && name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 200;
}

/* The descriptor says what the files beside it are called. */
static vd_err fetch_named(job *j, const char *descriptor, char final[TRAINER_PATH_ROOM],
                          vd_why *why)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    const char *file = NULL, *labels = NULL;
    char path[TRAINER_PATH_ROOM];
    vd_err err = vd_config_load(descriptor, &config, why);
    if (!err) err = vd_config_text(vd_config_root(config), "file", &file, why);
    if (!err) err = vd_config_text(vd_config_root(config), "classes_file", &labels, why);
    if (err) return err;
    size_t len = file ? strlen(file) : 0;
    if (!is_plain(file) || (labels && !is_plain(labels)) || len < 6 ||
        strcmp(file + len - 5, ".onnx") != 0)
        return vd_fail(why, VD_INVALID,
                       "the start model's descriptor names no .onnx file beside it");
    (void)snprintf(final, TRAINER_PATH_ROOM, "%s/%.*s.model.yaml", j->folder, (int)len - 5, file);
    job_path(j, file, j->model);
    job_path(j, labels ? labels : "", path);
    if (labels) err = fetch_input(j, "labels.txt", NULL, path, why);
    const char *digest = vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "model"), "");
    return err ? err : fetch_input(j, "model.onnx", digest, j->model, why);
}

static vd_err fetch_model(job *j, vd_why *why)
{
    char path[TRAINER_PATH_ROOM], final[TRAINER_PATH_ROOM];
    job_path(j, "input.yaml", path);
    vd_err err = fetch_input(j, "model.model.yaml", NULL, path, why);
    if (!err) err = fetch_named(j, path, final, why);
    if (!err && rename(path, final) != 0)
        err = vd_fail_errno(why, "'%.200s' cannot be made", final);
    return err;
}

static vd_err fetch_manifest(job *j, vd_why *why)
{
    const char *digest = vd_json_text(vd_json_get(vd_json_get(j->run, "config"), "dataset"), "");
    job_path(j, "manifest.json", j->manifest);
    return fetch_input(j, "dataset.json", digest, j->manifest, why);
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

/* Everything in the run's folder; there are no folders in it. */
void job_clear(job *j)
{
    char path[TRAINER_PATH_ROOM];
    DIR *folder = opendir(j->folder);
    for (const struct dirent *item; folder && (item = readdir(folder));) {
        job_path(j, item->d_name, path);
        (void)unlink(path);
    }
    if (folder) (void)closedir(folder);
    (void)rmdir(j->folder);
}
