/* scene.h - the tests' stage: a store in a temporary folder, and events to play on it. */
#ifndef VD_HUB_SCENE_H
#define VD_HUB_SCENE_H
#include "hub_schema.h"
#include "incident.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vd/test.h"

#define S  1000000ll
#define T0 (1700000000ll * S)

typedef struct {
    char dir[64], path[128];
    vd_store *store;
} scene;

static inline scene scene_open(const vd_sql *const *tables)
{
    scene s = { .dir = "/tmp/vedette-hub-XXXXXX" };
    vd_store_schema schema = { .migrations = hub_migrations, .statements = tables };
    vd_why why = { 0 };
    assert_non_null(mkdtemp(s.dir));
    (void)snprintf(s.path, sizeof s.path, "%s/hub.db", s.dir);
    if (vd_store_open(s.path, VD_STORE_WRITE, &schema, &s.store, &why)) {
        print_error("%s: %s\n", why.fact, why.detail);
        fail();
    }
    return s;
}

static inline void scene_done(scene *s)
{
    char command[128];
    vd_store_free(s->store);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    expect_i64(system(command), 0);
}
VD_AUTO_DEFINE(scene, scene_done)

static const vd_event_box scene_box = {
    .box = { 0.1f, 0.2f, 0.3f, 0.4f }, .score = 0.8, .class_name = "person", .track = 7
};

/* Seconds after T0; end_s 0 while it goes on. */
static inline vd_event scene_event(double start_s, double end_s)
{
    vd_event e = { .id = vd_ulid_new(),
                   .revision = end_s > 0 ? 3 : 1,
                   .phase = end_s > 0 ? "end" : "start",
                   .device = "yard",
                   .camera = "gate-1",
                   .kind = "zone",
                   .severity = "medium",
                   .rule_id = "people",
                   .rule_version = "1",
                   .zone = "gate",
                   .start_utc_us = T0 + (int64_t)(start_s * (double)S),
                   .class_name = "person",
                   .score = 0.8,
                   .model_name = "m",
                   .box_count = 1,
                   .boxes = &scene_box };
    e.update_utc_us = e.start_utc_us;
    if (end_s > 0) e.end_utc_us = e.update_utc_us = T0 + (int64_t)(end_s * (double)S);
    memset(e.model_digest.hex, 'a', VD_SHA256_HEX);
    return e;
}

static inline vd_incident_outcome scene_take(scene *s, const vd_event *event)
{
    char json[400];
    vd_why why = { 0 };
    vd_incident_outcome outcome = { 0 };
    (void)snprintf(json, sizeof json, "{\"id\":\"%s\",\"revision\":%llu,\"evidence\":[]}",
                   event->id.text, (unsigned long long)event->revision);
    vd_err err =
        vd_incident_take(s->store, "yard", event, vd_slice_str(json), 60000, &outcome, &why);
    if (err) print_error("%s: %s\n", why.fact, why.detail);
    expect_ok(err);
    return outcome;
}

/* The incident as JSON; owner: caller. */
static inline vd_json *scene_show(scene *s, const char *incident)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_incident_write(s->store, incident, true, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 32, &root, NULL));
    return root;
}

static inline const char *scene_text(const vd_json *object, const char *key)
{
    return vd_json_text(vd_json_get(object, key), "(none)");
}
#endif
