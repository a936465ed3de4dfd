#include "events.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "events_priv.h"
#include "vd/fault.h"
#include "vd/file.h"
#include "vd/log.h"

/* The ring must still hold the pre-roll when a fact is told: after dwell, decoding and inference.
 */
#define RING_SLACK_US 15000000

/* Half-written clips of an earlier run go; its open events stay for the worker to end. */
static vd_err empty_dir(const char *path, vd_why *why)
{
    vd_err err = vd_dir_make(path, 0750, why);
    if (err) return err;
    DIR *dir = opendir(path);
    if (!dir) return vd_fail_errno(why, "cannot read the folder '%s'", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char file[4096];
        if (entry->d_type == DT_DIR || strstr(entry->d_name, ".open")) continue;
        int len = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (len > 0 && (size_t)len < sizeof file) remove(file);
    }
    closedir(dir);
    return VD_OK;
}

static void init_locks(vd_events *events)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&events->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&events->work, &attr);
    pthread_cond_init(&events->room, NULL);
    pthread_condattr_destroy(&attr);
}

vd_err vd_events_new(const vd_events_config *config, const vd_events_sink *sink,
                     vd_events **ret_events, vd_why *why)
{
    vd_events *events = vd_calloc(1, sizeof *events);
    if (!events) return vd_fail(why, VD_FULL, "no memory for the events");
    events->config = *config;
    events->sink = *sink;
    events->notes_end = &events->notes;
    init_locks(events);
    events->config.device = vd_strdup(config->device);
    events->config.work_dir = vd_strdup(config->work_dir);
    vd_err err = VD_OK;
    if (!events->config.device || !events->config.work_dir)
        err = vd_fail(why, VD_FULL, "no memory for the events");
    if (!err) err = empty_dir(config->work_dir, why);
    if (!err) open_resume(events);
    if (!err && pthread_create(&events->worker, NULL, events_work, events) != 0)
        err = vd_fail(why, VD_FULL, "no thread for the events");
    events->has_worker = !err;
    if (err)
        vd_events_free(events);
    else
        *ret_events = events;
    return err;
}

vd_err vd_events_add_camera(vd_events *events, const char *name, vd_event_camera **ret_camera,
                            vd_why *why)
{
    vd_event_camera *camera = vd_calloc(1, sizeof *camera);
    if (!camera) return vd_fail(why, VD_FULL, "no memory for camera '%s'", name);
    if (!vd_slice_to_chars(vd_slice_str(name), camera->name, sizeof camera->name)) {
        free(camera);
        return vd_fail(why, VD_INVALID, "the camera id '%.40s' is too long", name);
    }
    pthread_mutex_init(&camera->lock, NULL);
    camera->events = events;
    camera->ring.keep_us = events->config.pre_roll_ms * 1000 + RING_SLACK_US;
    camera->ring.bytes_max = events->config.ring_bytes_max;
    pthread_mutex_lock(&events->lock);
    camera->next = events->cameras;
    events->cameras = camera;
    pthread_mutex_unlock(&events->lock);
    *ret_camera = camera;
    return VD_OK;
}

void vd_events_leave_camera(vd_event_camera *camera)
{
    if (!camera) return;
    vd_events *events = camera->events;
    pthread_mutex_lock(&events->lock);
    camera->leaving = true;
    events->is_woken = true;
    pthread_cond_signal(&events->work);
    pthread_mutex_unlock(&events->lock);
}

void events_wake(vd_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->is_woken = true;
    pthread_cond_signal(&events->work);
    pthread_mutex_unlock(&events->lock);
}

/* Waits while the worker is far behind: events are not dropped. */
static bool note_put(vd_events *events, note *n)
{
    pthread_mutex_lock(&events->lock);
    while (events->note_count >= NOTES_MAX && !events->is_stopping)
        pthread_cond_wait(&events->room, &events->lock);
    bool taken = !events->is_stopping;
    if (taken) {
        *events->notes_end = n;
        events->notes_end = &n->next;
        events->note_count++;
        events->is_woken = true;
        pthread_cond_signal(&events->work);
    }
    pthread_mutex_unlock(&events->lock);
    return taken;
}

void vd_events_facts(vd_event_camera *camera, const vd_fact *facts, unsigned fact_count,
                     vd_frame *frame, const vd_detections *detections, const vd_vocabulary *words)
{
    vd_events *events = camera->events;
    for (unsigned i = 0; i < fact_count; i++) {
        note *n = note_new(camera, &facts[i], frame, detections, words);
        if (!n) {
            atomic_fetch_add(&events->failed, 1);
            vd_log(VD_LOG_ERROR, "event.lost", "no memory for an event", "camera", camera->name,
                   "rule", facts[i].rule->id, NULL);
            continue;
        }
        if (!note_put(events, n)) note_free(n);
    }
}

void vd_events_stop(vd_events *events)
{
    if (!events->has_worker) return;
    pthread_mutex_lock(&events->lock);
    for (vd_event_camera *c = events->cameras; c; c = c->next) {
        pthread_mutex_lock(&c->lock);
        c->stopped = true;
        pthread_mutex_unlock(&c->lock);
    }
    events->is_stopping = true;
    pthread_cond_broadcast(&events->work);
    pthread_cond_broadcast(&events->room);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->worker, NULL);
    events->has_worker = false;
}

void events_free_camera(vd_event_camera *camera)
{
    packet_ring_done(&camera->ring);
    pthread_mutex_destroy(&camera->lock);
    free(camera);
}

vd_events *vd_events_free(vd_events *events)
{
    if (!events) return NULL;
    vd_events_stop(events);
    while (events->cameras) {
        vd_event_camera *camera = events->cameras;
        events->cameras = camera->next;
        events_free_camera(camera);
    }
    pthread_cond_destroy(&events->work);
    pthread_cond_destroy(&events->room);
    pthread_mutex_destroy(&events->lock);
    free((char *)events->config.device);
    free((char *)events->config.work_dir);
    free(events);
    return NULL;
}

uint64_t vd_events_failed(const vd_events *events)
{
    return atomic_load(&events->failed);
}
