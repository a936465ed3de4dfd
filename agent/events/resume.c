#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "events_priv.h"
#include "vd/file.h"
#include "vd/log.h"

#define ARENA_BYTES (1u << 20)
#define JSON_DEPTH  16

static void path_of(const vd_events *events, const char *id, char *into, size_t room)
{
    snprintf(into, room, "%s/%s.open", events->config.work_dir, id);
}

void open_save(const vd_events *events, const vd_event *event)
{
    char path[4096];
    VD_AUTO(vd_buf) json = VD_BUF(VD_EVENT_JSON_MAX);
    vd_why why = { 0 };
    path_of(events, event->id.text, path, sizeof path);
    vd_err err = vd_event_write(event, &json);
    if (!err) err = vd_file_save(path, 0640, vd_buf_slice(&json), &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "event.not_noted", "a killed agent could not end this event", &why,
                   "event", event->id.text, "camera", event->camera, NULL);
}

void open_remove(const vd_events *events, const vd_ulid *id)
{
    char path[4096];
    path_of(events, id->text, path, sizeof path);
    remove(path);
}

/* The end is when it was last seen: what came after, nobody saw. */
static vd_err tell_end(vd_events *events, vd_slice json, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ARENA_BYTES);
    VD_AUTO(vd_json_ptr) root = NULL;
    vd_event event;
    if (!arena) return vd_fail(why, VD_FULL, "no memory to end an event");
    vd_err err = vd_json_parse(json, VD_EVENT_JSON_MAX, JSON_DEPTH, &root, why);
    if (!err) err = vd_event_read(root, arena, &event, why);
    if (err) return err;
    event.revision++;
    event.phase = "end";
    event.end_utc_us = event.update_utc_us;
    return events->sink.accept(events->sink.ctx, &event, why);
}

static void resume_one(vd_events *events, const char *name)
{
    char path[4096];
    VD_AUTO(vd_buf) json = VD_BUF(VD_EVENT_JSON_MAX);
    vd_why why = { 0 };
    int len = snprintf(path, sizeof path, "%s/%s", events->config.work_dir, name);
    if (len < 0 || (size_t)len >= sizeof path) return;
    vd_err err = vd_file_load(path, &json, &why);
    if (!err) err = tell_end(events, vd_buf_slice(&json), &why);
    bool useless = err == VD_INVALID || err == VD_CORRUPT;
    if (!err || useless) remove(path);
    if (err)
        vd_log_why(VD_LOG_WARN, "event.not_ended", "an event of an earlier run cannot be ended",
                   &why, "event", name, NULL);
}

void open_resume(vd_events *events)
{
    DIR *dir = opendir(events->config.work_dir);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (len == VD_ULID_LEN + 5 && strcmp(entry->d_name + VD_ULID_LEN, ".open") == 0)
            resume_one(events, entry->d_name);
    }
    closedir(dir);
}
