/* media.c - ranges of the recording that the hub asked for: cut one after the other on a thread of
 * our own, then a message in the outbox that names the file, or says why there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "limits.h"
#include "vd/clock.h"

#define MEDIA_MAX    16
#define WAIT_US      20000000 /* for a range that ends about now to reach the disk */
#define LOOK_EACH_MS 250

static bool stopping(agent *a)
{
    pthread_mutex_lock(&a->lock);
    bool is_stopping = a->media_stopping;
    pthread_mutex_unlock(&a->lock);
    return is_stopping;
}

/* What is being filled is not on disk yet. */
static void await_disk(agent *a, const vd_device_media *wish)
{
    int64_t end_us = vd_clock_mono_us() + WAIT_US;
    vd_recording_stats stats;

    while (vd_clock_mono_us() < end_us && !stopping(a)) {
        if (vd_recording_get_stats(a->recording, wish->camera, &stats)) return;
        bool is_live = vd_clock_utc_us() - stats.newest_utc_us < WAIT_US;
        if (!is_live || stats.newest_utc_us >= wish->to_utc_us) return;
        usleep(LOOK_EACH_MS * 1000);
    }
}

static vd_err cut(agent *a, const vd_device_media *wish, vd_recording_range *ret_range,
                  vd_digest *ret_digest, uint64_t *ret_bytes, vd_why *why)
{
    char path[4096], kept[4096];
    vd_blobs *blobs = vd_outbox_blobs(a->outbox);

    (void)snprintf(path, sizeof path, "%s/clips/%s.mp4", a->config->state_dir, wish->id);
    vd_err err = vd_recording_cut(a->recording, wish->camera, wish->from_utc_us, wish->to_utc_us,
                                  VD_LIMIT_EVIDENCE_BYTES - (1u << 20), path, ret_range, why);
    if (err) return err;
    err = vd_blobs_take_file(blobs, path, ret_digest, why);
    if (!err) err = vd_blobs_path(blobs, ret_digest, kept, sizeof kept, ret_bytes);
    if (err) unlink(path);
    return err;
}

static void write_cut(vd_json_w *w, const vd_recording_range *range, const vd_digest *digest,
                      uint64_t bytes)
{
    vd_json_w_kv_text(w, "digest", digest->hex);
    vd_json_w_kv_int(w, "bytes", (int64_t)bytes);
    vd_json_w_kv_time(w, "start", range->start_utc_us);
    vd_json_w_kv_time(w, "end", range->end_utc_us);
    vd_json_w_kv_int(w, "width", range->width_px);
    vd_json_w_kv_int(w, "height", range->height_px);
}

static void serve(agent *a, const vd_device_media *wish)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    vd_recording_range range;
    vd_digest digest;
    uint64_t bytes = 0;
    vd_why why = { 0 };

    await_disk(a, wish);
    vd_err none = cut(a, wish, &range, &digest, &bytes, &why);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "id", wish->id);
    if (none) {
        vd_json_w_kv_text(&w, "why", why.fact);
        vd_json_w_kv_text(&w, "hint", why.hint);
    } else {
        write_cut(&w, &range, &digest, bytes);
    }
    vd_json_w_object_end(&w);
    const vd_outbox_note note = { .kind = "media",
                                  .camera = wish->camera,
                                  .priority = VD_SEVERITY_CRITICAL, /* somebody waits for it */
                                  .body = vd_buf_slice(&text),
                                  .files = &digest,
                                  .file_count = none ? 0 : 1 };
    vd_err err = vd_json_w_end(&w);
    if (!err) err = vd_outbox_put(a->outbox, &note, &why);
    vd_log_why(err || none ? VD_LOG_WARN : VD_LOG_INFO, "media.cut",
               none ? "a recording that the hub asked for is not there"
                    : "a recording that the hub asked for was cut",
               err || none ? &why : NULL, "camera", wish->camera, "media", wish->id, NULL);
}

static void *media_run(void *arg)
{
    agent *a = arg;
    void *item = NULL;

    while (!stopping(a) && vd_queue_take(a->wishes, -1, &item) == VD_OK) {
        serve(a, item);
        free(item);
    }
    return NULL;
}

vd_err media_start(agent *a, vd_why *why)
{
    vd_err err = vd_queue_new(MEDIA_MAX, VD_QUEUE_REFUSE, free, &a->wishes);

    if (err) return vd_fail(why, err, "no memory for what the hub asks for");
    if (pthread_create(&a->media, NULL, media_run, a) != 0) {
        a->wishes = vd_queue_free(a->wishes);
        return vd_fail(why, VD_FULL, "no thread for what the hub asks for");
    }
    return VD_OK;
}

void media_stop(agent *a)
{
    if (!a->wishes) return;
    pthread_mutex_lock(&a->lock);
    a->media_stopping = true;
    pthread_mutex_unlock(&a->lock);
    vd_queue_close(a->wishes);
    pthread_join(a->media, NULL);
}

void media_free(agent *a)
{
    if (a->wishes) a->wishes = vd_queue_free(a->wishes);
}

vd_err media_wish(void *agent_ptr, const vd_device_media *wish, vd_why *why)
{
    agent *a = agent_ptr;
    vd_recording_stats stats;

    if (vd_recording_get_stats(a->recording, wish->camera, &stats)) {
        vd_fail(why, VD_ABSENT, "camera '%s' is not recorded here", wish->camera);
        vd_why_hint(why, "set recording.enabled in the agent's configuration");
        return VD_ABSENT;
    }
    vd_device_media *copy = calloc(1, sizeof *copy);
    if (!copy) return vd_fail(why, VD_FULL, "memory ends");
    *copy = *wish;
    if (vd_queue_put(a->wishes, copy) == VD_OK) return VD_OK;
    free(copy);
    return vd_fail(why, VD_FULL, "too many recordings are asked for, wait for some of them");
}
