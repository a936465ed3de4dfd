/* samples.c - from a decision to a sample: one worker makes JPEGs.
 *
 * The file: {"policy": {...}, "cameras": {"gate-1": {"hour": 500123, "random": 2, "uncertain": 5,
 * "rare": 0, "last_us": ...}}}. It is written before the sample is told: a program that dies in
 * between loses one sample and never spends a budget twice. */
#include "samples.h"

#include <pthread.h>
#include <stdlib.h>

#include "vd/blob.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/log.h"
#include "vd/queue.h"
#include "vd/ulid.h"

#define CAMERAS_MAX 64
#define NAME_ROOM   129
#define FILE_MAX    65536
#define QUALITY     88
#define JPEG_MAX    (16u << 20)
#define JSON_MAX    131072

struct vd_sample_camera {
    vd_samples *samples;
    char name[NAME_ROOM];
    uint64_t seed;
    vd_sample_budget budget; /* these four under the lock */
    vd_sample_spent spent;
    unsigned jobs;       /* the worker still has to make */
    bool gone;           /* its name and what it spent stay, until another one needs the place */
    vd_sample_seen seen; /* the analysis thread's */
    vd_digest model;
};

struct vd_samples {
    char *path;
    vd_samples_sink sink;
    vd_queue *queue;
    pthread_t worker;
    bool working;
    pthread_mutex_t lock;
    pthread_cond_t made;
    char *policy;   /* JSON; NULL: none; this and what follows under the lock */
    unsigned count; /* those that are gone included */
    vd_sample_camera *camera[CAMERAS_MAX];
    vd_json *kept; /* the file as it was found, for cameras that are still to be added */
};

typedef struct {
    vd_sample_camera *camera;
    vd_frame *frame;
    vd_sample_reason reason;
    char *boxes; /* JSON list */
    char model[NAME_ROOM];
    vd_digest digest;
} job;

static void job_free(void *item)
{
    job *j = item;
    if (!j) return;
    vd_samples *s = j->camera->samples;
    vd_frame_unref(j->frame);
    pthread_mutex_lock(&s->lock);
    j->camera->jobs--;
    pthread_cond_broadcast(&s->made);
    pthread_mutex_unlock(&s->lock);
    free(j->boxes);
    free(j);
}

/* ---- the file ---- */

static void write_camera(const vd_sample_camera *c, vd_json_w *w)
{
    vd_json_w_key(w, c->name);
    vd_json_w_object(w);
    vd_json_w_kv_int(w, "hour", c->spent.hour);
    for (int i = VD_SAMPLE_RANDOM; i < VD_SAMPLE_REASONS; i++)
        vd_json_w_kv_int(w, vd_sample_word((vd_sample_reason)i), c->spent.used[i]);
    vd_json_w_kv_int(w, "last_us", c->spent.last_us);
    vd_json_w_object_end(w);
}

static vd_err save(vd_samples *s, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(FILE_MAX);
    vd_json_w w = vd_json_writer(&text);
    pthread_mutex_lock(&s->lock);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "policy");
    vd_json_w_raw(&w, vd_slice_str(s->policy ? s->policy : "null"));
    vd_json_w_key(&w, "cameras");
    vd_json_w_object(&w);
    for (unsigned i = 0; i < s->count; i++) write_camera(s->camera[i], &w);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    pthread_mutex_unlock(&s->lock);
    if (vd_json_w_end(&w)) return vd_fail(why, VD_FULL, "the sampling policy is too long");
    return vd_file_save(s->path, 0640, vd_buf_slice(&text), why);
}

static void load(vd_samples *s)
{
    VD_AUTO(vd_buf) text = VD_BUF(FILE_MAX);
    VD_AUTO(vd_buf) policy = VD_BUF(VD_SAMPLES_POLICY_MAX);
    vd_why why = { 0 };
    vd_err err = vd_file_load(s->path, &text, &why);
    if (err == VD_ABSENT) return;
    if (!err) err = vd_json_parse(vd_buf_slice(&text), FILE_MAX, 10, &s->kept, &why);
    const vd_json *node = vd_json_get(s->kept, "policy");
    if (!err && vd_json_kind_of(node) == VD_JSON_IS_OBJECT) {
        err = vd_json_print(node, &policy);
        if (!err) s->policy = strdup(policy.data);
    }
    if (err)
        vd_log_why(VD_LOG_WARN, "samples.lost", "what was sampled in this hour is not known", &why,
                   NULL);
}

static void restore(vd_sample_camera *c)
{
    const vd_json *node = vd_json_get(vd_json_get(c->samples->kept, "cameras"), c->name);
    c->spent.hour = vd_json_int(vd_json_get(node, "hour"), 0);
    c->spent.last_us = vd_json_int(vd_json_get(node, "last_us"), 0);
    for (int i = VD_SAMPLE_RANDOM; i < VD_SAMPLE_REASONS; i++) {
        int64_t used = vd_json_int(vd_json_get(node, vd_sample_word((vd_sample_reason)i)), 0);
        c->spent.used[i] = used > 0 && used <= VD_SAMPLES_PER_HOUR_MAX ? (unsigned)used : 0;
    }
}

/* ---- making a sample ---- */

static vd_err write_sample(const job *j, vd_slice jpeg, vd_buf *into)
{
    const vd_picture *picture = vd_frame_picture(j->frame);
    vd_ulid id = vd_ulid_new();
    vd_digest digest = vd_sha256(jpeg);
    vd_json_w w = vd_json_writer(into);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", id.text);
    vd_json_w_kv_text(&w, "camera", j->camera->name);
    vd_json_w_kv_time(&w, "captured_at", picture->utc_us);
    vd_json_w_kv_text(&w, "reason", vd_sample_word(j->reason));
    vd_json_w_key(&w, "picture");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "digest", digest.hex);
    vd_json_w_kv_int(&w, "bytes", (int64_t)jpeg.len);
    vd_json_w_kv_int(&w, "width", picture->width_px);
    vd_json_w_kv_int(&w, "height", picture->height_px);
    vd_json_w_object_end(&w);
    vd_json_w_key(&w, "boxes");
    vd_json_w_raw(&w, vd_slice_str(j->boxes));
    vd_json_w_key(&w, "model");
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "name", j->model);
    vd_json_w_kv_text(&w, "digest", j->digest.hex);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    return vd_json_w_end(&w);
}

static void make(vd_samples *s, const job *j)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(JPEG_MAX);
    VD_AUTO(vd_buf) json = VD_BUF(JSON_MAX);
    vd_why why = { 0 };
    vd_err err = vd_frame_jpeg(j->frame, 0, QUALITY, &jpeg, &why);
    if (!err) err = write_sample(j, vd_buf_slice(&jpeg), &json);
    if (!err) err = save(s, &why);
    if (err) {
        vd_log_why(VD_LOG_WARN, "samples.unmade", "a sample could not be made", &why, "camera",
                   j->camera->name, NULL);
        return;
    }
    s->sink.told(s->sink.ctx, j->camera->name, vd_buf_slice(&json), vd_buf_slice(&jpeg));
}

static void *work(void *arg)
{
    vd_samples *s = arg;
    void *item = NULL;
    while (vd_queue_take(s->queue, -1, &item) == VD_OK) {
        make(s, item);
        job_free(item);
    }
    return NULL;
}

/* ---- deciding ---- */

/* What is far below the threshold is no proposal, it would only be in the labeler's way. */
static char *boxes_text(const vd_detections *d, const vd_vocabulary *words)
{
    VD_AUTO(vd_buf) text = VD_BUF(JSON_MAX / 2);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_list(&w);
    for (unsigned i = 0; i < d->count; i++) {
        const vd_detection *item = &d->item[i];
        float least = vd_vocabulary_model_of(words, item->class_id)->score_min;
        if (item->score < least - VD_SAMPLES_UNSURE) continue;
        vd_json_w_object(&w);
        vd_json_w_key(&w, "box");
        vd_json_w_object(&w);
        vd_json_w_kv_num(&w, "l", (double)item->box.l, 6);
        vd_json_w_kv_num(&w, "t", (double)item->box.t, 6);
        vd_json_w_kv_num(&w, "w", (double)item->box.w, 6);
        vd_json_w_kv_num(&w, "h", (double)item->box.h, 6);
        vd_json_w_object_end(&w);
        vd_json_w_kv_num(&w, "score", (double)item->score, 4);
        vd_json_w_kv_text(&w, "class", vd_vocabulary_name(words, item->class_id));
        vd_json_w_object_end(&w);
    }
    vd_json_w_list_end(&w);
    return vd_json_w_end(&w) ? NULL : strdup(text.data);
}

static void enqueue(vd_sample_camera *c, vd_sample_reason reason, vd_frame *frame,
                    const vd_detections *detections, const vd_vocabulary *words)
{
    job *j = calloc(1, sizeof *j);
    if (!j) return;
    *j = (job){ .camera = c,
                .frame = vd_frame_ref(frame),
                .reason = reason,
                .boxes = boxes_text(detections, words),
                .digest = vd_vocabulary_main(words)->digest };
    vd_slice_to_chars(vd_slice_str(vd_vocabulary_main(words)->name), j->model, sizeof j->model);
    pthread_mutex_lock(&c->samples->lock);
    c->jobs++;
    pthread_mutex_unlock(&c->samples->lock);
    if (!j->boxes || vd_queue_put(c->samples->queue, j)) job_free(j);
}

static void count_seen(vd_sample_camera *c, const vd_detections *d, const vd_vocabulary *words)
{
    for (unsigned i = 0; i < d->count; i++) {
        uint16_t class_id = d->item[i].class_id;
        float least = vd_vocabulary_model_of(words, class_id)->score_min;
        if (d->item[i].score < least || class_id >= VD_SAMPLES_CLASSES) continue;
        c->seen.of_class[class_id]++;
        c->seen.total++;
    }
}

void vd_samples_seen(vd_sample_camera *c, vd_frame *frame, const vd_detections *detections,
                     const vd_vocabulary *words)
{
    if (!c || !frame) return;
    const vd_digest *digest = &vd_vocabulary_main(words)->digest;
    if (strcmp(c->model.hex, digest->hex) != 0) {
        c->model = *digest;
        memset(&c->seen, 0, sizeof c->seen);
    }
    pthread_mutex_lock(&c->samples->lock);
    vd_sample_reason reason = vd_sample_decide(&c->budget, &c->seen, detections, words, c->seed,
                                               vd_frame_picture(frame)->utc_us, &c->spent);
    pthread_mutex_unlock(&c->samples->lock);
    count_seen(c, detections, words);
    if (reason) enqueue(c, reason, frame, detections, words);
}

void vd_samples_unsure(vd_sample_camera *c, vd_frame *frame, const vd_detections *detections,
                       const vd_vocabulary *words)
{
    if (!c || !frame) return;
    pthread_mutex_lock(&c->samples->lock);
    vd_sample_reason reason =
        vd_sample_decide_unsure(&c->budget, vd_frame_picture(frame)->utc_us, &c->spent);
    pthread_mutex_unlock(&c->samples->lock);
    if (reason) enqueue(c, reason, frame, detections, words);
}

/* ---- life ---- */

vd_err vd_samples_new(const char *path, const vd_samples_sink *sink, vd_samples **ret_samples,
                      vd_why *why)
{
    vd_samples *s = calloc(1, sizeof *s);
    if (!s) return vd_fail(why, VD_FULL, "no memory");
    s->sink = *sink;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->made, NULL);
    s->path = strdup(path);
    bool ok = s->path && !vd_queue_new(VD_SAMPLES_WAITING, VD_QUEUE_REFUSE, job_free, &s->queue);
    s->working = ok && pthread_create(&s->worker, NULL, work, s) == 0;
    if (!s->working) {
        (void)vd_samples_free(s);
        return vd_fail(why, VD_FULL, "the sampling thread cannot be started");
    }
    load(s);
    *ret_samples = s;
    return VD_OK;
}

/* Its old place, else a free one, else that of one that is gone. The lock is held. */
static vd_sample_camera **place_of(vd_samples *s, const char *camera)
{
    vd_sample_camera **gone = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        if (!s->camera[i]->gone) continue;
        if (strcmp(s->camera[i]->name, camera) == 0) return &s->camera[i];
        gone = &s->camera[i];
    }
    return s->count < CAMERAS_MAX ? &s->camera[s->count] : gone;
}

static void take_policy(vd_sample_camera *c)
{
    const char *policy = c->samples->policy;
    c->budget = (vd_sample_budget){ 0 };
    if (policy && vd_sample_policy_read(vd_slice_str(policy), c->name, &c->budget, NULL))
        c->budget = (vd_sample_budget){ 0 };
}

static vd_err add_locked(vd_samples *s, const char *camera, vd_sample_camera **ret_camera)
{
    vd_sample_camera **place = place_of(s, camera);
    if (!place) return VD_FULL;
    bool is_back = *place && strcmp((*place)->name, camera) == 0;
    vd_sample_camera *c = *place ? *place : calloc(1, sizeof *c);
    if (!c) return VD_FULL;
    if (!*place) s->count++;
    *place = c;
    if (!is_back) {
        *c = (vd_sample_camera){ .samples = s };
        vd_slice_to_chars(vd_slice_str(camera), c->name, sizeof c->name);
        for (const char *at = c->name; *at; at++) c->seed = c->seed * 31 + (uint8_t)*at;
        restore(c);
    }
    c->gone = false;
    take_policy(c);
    *ret_camera = c;
    return VD_OK;
}

vd_err vd_samples_add(vd_samples *s, const char *camera, vd_sample_camera **ret_camera)
{
    pthread_mutex_lock(&s->lock);
    vd_err err = add_locked(s, camera, ret_camera);
    pthread_mutex_unlock(&s->lock);
    return err;
}

void vd_samples_leave(vd_sample_camera *c)
{
    if (!c) return;
    pthread_mutex_lock(&c->samples->lock);
    while (c->jobs) pthread_cond_wait(&c->samples->made, &c->samples->lock);
    c->gone = true;
    pthread_mutex_unlock(&c->samples->lock);
}

static vd_err set_policy(vd_samples *s, vd_slice text, char **policy, vd_why *why)
{
    vd_sample_budget budget[CAMERAS_MAX] = { 0 };
    vd_err err = VD_OK;
    for (unsigned i = 0; !err && i < s->count; i++)
        err = vd_sample_policy_read(text, s->camera[i]->name, &budget[i], why);
    if (err) return err;
    for (unsigned i = 0; i < s->count; i++) s->camera[i]->budget = budget[i];
    char *old = s->policy;
    s->policy = *policy;
    *policy = old;
    return VD_OK;
}

vd_err vd_samples_policy(vd_samples *s, vd_slice json, vd_why *why)
{
    bool none = vd_slice_eq(json, VD_STR("null"));
    vd_sample_budget any;
    vd_slice text = none ? VD_STR("{}") : json;
    vd_err err = vd_sample_policy_read(text, "", &any, why);
    char *policy = err ? NULL : strndup((const char *)text.data, text.len);
    if (!err && !policy) err = vd_fail(why, VD_FULL, "no memory");
    if (err) return err;
    pthread_mutex_lock(&s->lock);
    err = set_policy(s, text, &policy, why);
    pthread_mutex_unlock(&s->lock);
    free(policy);
    return err ? err : save(s, why);
}

void vd_samples_stop(vd_samples *s)
{
    if (!s || !s->working) return;
    vd_queue_close(s->queue);
    pthread_join(s->worker, NULL);
    s->working = false;
}

vd_samples *vd_samples_free(vd_samples *s)
{
    if (!s) return NULL;
    vd_samples_stop(s);
    if (s->queue) vd_queue_free(s->queue);
    for (unsigned i = 0; i < s->count; i++) free(s->camera[i]);
    vd_json_free(s->kept);
    pthread_cond_destroy(&s->made);
    pthread_mutex_destroy(&s->lock);
    free(s->policy);
    free(s->path);
    free(s);
    return NULL;
}
