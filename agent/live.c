/* live.c - which cameras there shall be, and making it so.
 *
 *   file ──▶ from_file ─┐
 *                       ├─▶ wanted ──(main, live_apply)──▶ lanes leave, come, take other rules
 *   hub ───▶ from_hub ──┘   the hub's entry goes before the file's
 *
 * An entry that is wrong is refused alone: the one before it, if there was one, goes on holding.
 * What the hub said last is kept in state_dir/cameras.json, for starts without it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"
#include "vd/json.h"

#define CAMERAS_BYTES 262144

/* ---- lists of wishes ---- */

static void list_done(wish_list *list)
{
    for (unsigned i = 0; i < list->count; i++) agent_camera_done(&list->item[i].camera);
    free(list->item);
    *list = (wish_list){ 0 };
}

static camera_wish *find(const wish_list *list, const char *id)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(list->item[i].id, id) == 0) return &list->item[i];
    return NULL;
}

static camera_wish *add(wish_list *list, const char *id)
{
    if (!list->item) list->item = calloc(WISHES_MAX, sizeof *list->item);
    if (!list->item || list->count == WISHES_MAX) return NULL;
    camera_wish *w = &list->item[list->count++];
    vd_slice_to_chars(vd_slice_str(id), w->id, sizeof w->id);
    return w;
}

static void add_good(wish_list *list, const agent_camera *camera)
{
    camera_wish *w = add(list, camera->id);
    if (w) w->good = !agent_camera_copy(camera, &w->camera);
}

/* The newest entry is wrong: the one before it goes on, if there was one. */
static void add_refused(wish_list *list, const wish_list *before, const char *id, const vd_why *why)
{
    const camera_wish *old = find(before, id);
    camera_wish *w = id[0] ? add(list, id) : NULL;

    vd_log_why(VD_LOG_ERROR, "camera.refused", "a camera's entry is wrong, it is left out", why,
               "camera", id[0] ? id : NULL, NULL);
    if (!w) return;
    w->refused = true;
    w->why = *why;
    w->good = old && old->good && !agent_camera_copy(&old->camera, &w->camera);
}

static wish_list list_of_file(const agent_config *file, const wish_list *before)
{
    wish_list list = { 0 };

    for (unsigned i = 0; i < file->camera_count; i++) add_good(&list, &file->camera[i]);
    for (unsigned i = 0; i < file->refused_count; i++)
        add_refused(&list, before, file->refused[i].id, &file->refused[i].why);
    return list;
}

static void replace(agent *a, wish_list *list, const wish_list *with)
{
    list_done(list);
    *list = *with;
    a->wishes_changed = true;
    a->wishes_version++;
}

/* ---- what the hub says ---- */

typedef struct {
    const vd_config_node *cameras, *templates;
    const agent_config *defaults;
    const wish_list *before;
} hub_word;

/* The hub may not have a file of the device's read and sent to an address of its choice, nor files
 * moved or deleted. */
static vd_err check_reach(const agent_camera *camera, vd_why *why)
{
    const char *name = camera->password_file;

    if (camera->kind == VD_CAMERA_FOLDER && camera->still.after != VD_AFTER_KEEP) {
        vd_fail(why, VD_DENIED, "camera '%s': the hub may not have files moved or deleted",
                camera->id);
        vd_why_hint(why, "'after: keep', or name the camera in the device's own file");
        return VD_DENIED;
    }
    if (!strchr(name, '/') && name[0] != '.') return VD_OK;
    vd_fail(why, VD_DENIED, "camera '%s': the hub names a password by its file's name alone",
            camera->id);
    vd_why_hint(why, "put the file into the folder 'secrets' in the device's state_dir");
    return VD_DENIED;
}

static vd_err check_rules(const agent_camera *camera, vd_why *why)
{
    rule_set *set = calloc(1, sizeof *set);
    vd_err err =
        set ? rulebook_read(NULL, camera, NULL, set, why) : vd_fail(why, VD_FULL, "memory ends");

    free(set);
    return err;
}

static vd_err read_entry(const vd_config_node *entry, const char *id, const hub_word *said,
                         agent_camera *ret_camera, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(CAMERAS_BYTES);
    agent_camera camera;

    vd_err err = agent_entry_fill(entry, id, said->templates, &text, why);
    if (!err)
        err = agent_camera_read(vd_buf_slice(&text), vd_config_name(entry), said->defaults, &camera,
                                why);
    if (err) return err;
    camera.sent = true;
    err = check_reach(&camera, why);
    if (!err) err = check_rules(&camera, why);
    if (err)
        agent_camera_done(&camera);
    else
        *ret_camera = camera;
    return err;
}

static void take_entry(wish_list *list, const hub_word *said, const char *id,
                       const vd_config_node *entry)
{
    agent_camera camera;
    vd_why why = { 0 };

    if (read_entry(entry, id, said, &camera, &why)) {
        add_refused(list, said->before, id, &why);
        return;
    }
    add_good(list, &camera);
    agent_camera_done(&camera);
}

static bool is_null(const vd_config_node *node)
{
    return node && !vd_config_is_map(node) && !vd_config_is_list(node);
}

static vd_err list_of_hub(const hub_word *said, wish_list *ret_list, vd_why *why)
{
    const char *id;

    *ret_list = (wish_list){ 0 };
    if (!said->cameras || is_null(said->cameras)) return VD_OK;
    if (!vd_config_is_map(said->cameras))
        return vd_fail(why, VD_INVALID, "desired 'cameras' is an object: camera to its entry");
    if (vd_config_len(said->cameras) > WISHES_MAX)
        return vd_fail(why, VD_FULL, "there are far more than %d cameras", AGENT_CAMERAS_MAX);
    for (size_t i = 0; i < vd_config_len(said->cameras); i++) {
        const vd_config_node *entry = vd_config_member(said->cameras, i, &id);
        if (!is_null(entry)) take_entry(ret_list, said, id, entry);
    }
    return VD_OK;
}

static char *kept_path(agent *a, char into[4096])
{
    snprintf(into, 4096, "%s/cameras.json", a->config->state_dir);
    return into;
}

/* The entries that hold, their templates filled in. */
static void keep(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(CAMERAS_BYTES);
    vd_json_w w = vd_json_writer(&text);
    char path[4096];
    vd_why why = { 0 };

    vd_json_w_object(&w);
    for (unsigned i = 0; i < a->from_hub.count; i++) {
        VD_AUTO(vd_buf) entry = VD_BUF(CAMERAS_BYTES);
        const camera_wish *wish = &a->from_hub.item[i];
        if (!wish->good || agent_node_print(vd_config_root(wish->camera.text), "id", &entry))
            continue;
        vd_json_w_key(&w, wish->id);
        vd_json_w_raw(&w, vd_buf_slice(&entry));
    }
    vd_json_w_object_end(&w);
    vd_err err =
        vd_json_w_end(&w) ? vd_fail(&why, VD_FULL, "the hub's cameras are too long") : VD_OK;
    if (!err) err = vd_file_save(kept_path(a, path), 0640, vd_buf_slice(&text), &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "cameras.unkept", "the hub's cameras hold until the next start",
                   &why, NULL);
}

static void kept_load(agent *a)
{
    VD_AUTO(vd_buf) text = VD_BUF(CAMERAS_BYTES);
    VD_AUTO(vd_config_ptr) kept = NULL;
    char path[4096];
    vd_why why = { 0 };
    const wish_list none = { 0 };
    wish_list list = { 0 };

    if (access(kept_path(a, path), R_OK)) return;
    vd_err err = vd_file_load(path, &text, &why);
    if (!err) err = vd_config_parse(vd_buf_slice(&text), "cameras.json", &kept, &why);
    hub_word said = { .cameras = err ? NULL : vd_config_root(kept),
                      .defaults = a->config,
                      .before = &none };
    if (!err) err = list_of_hub(&said, &list, &why);
    if (err)
        vd_log_why(VD_LOG_WARN, "cameras.lost", "the hub's last cameras cannot be read", &why,
                   NULL);
    else
        replace(a, &a->from_hub, &list);
}

vd_err live_wish(void *agent_ptr, vd_slice json, vd_why *why)
{
    agent *a = agent_ptr;
    VD_AUTO(vd_config_ptr) wish = NULL;
    wish_list list;
    vd_why own = { 0 };

    vd_err err = vd_config_parse(json, "desired cameras", &wish, &own);
    const vd_config_node *root = err ? NULL : vd_config_root(wish);
    pthread_mutex_lock(&a->wishes_use);
    hub_word said = { .cameras = vd_config_get(root, "cameras"),
                      .templates = vd_config_get(root, "templates"),
                      .defaults = a->config,
                      .before = &a->from_hub };
    if (!err) err = list_of_hub(&said, &list, &own);
    if (!err) replace(a, &a->from_hub, &list);
    if (!err) keep(a);
    a->hub_why = own;
    a->wishes_version++;
    pthread_mutex_unlock(&a->wishes_use);
    if (err)
        vd_log_why(VD_LOG_WARN, "cameras.refused", "the hub's cameras are wrong, the old ones hold",
                   &own, NULL);
    if (err && why) *why = own;
    return err;
}

/* ---- what is wanted ---- */

/* The wish that holds for this camera, or NULL: nobody wants it. */
static camera_wish *wanted(agent *a, const char *id)
{
    camera_wish *hub = find(&a->from_hub, id), *own = find(&a->from_file, id);
    camera_wish *holds = hub && hub->good ? hub : own && own->good ? own : NULL;

    return holds && holds->camera.enabled ? holds : NULL;
}

const char *live_source(agent *a, const char *id, const camera_wish **ret_refused)
{
    const camera_wish *hub = find(&a->from_hub, id), *own = find(&a->from_file, id);

    *ret_refused = hub && hub->refused ? hub : !hub && own && own->refused ? own : NULL;
    if (!wanted(a, id)) return NULL;
    return hub && hub->good ? "hub" : "file";
}

/* ---- making it so ---- */

typedef struct {
    unsigned count, left, again, came;
    lane *lane[AGENT_CAMERAS_MAX];
} change;

static void note_newest(lane *l, const camera_wish *w)
{
    agent_camera newest;

    if (agent_camera_copy(&w->camera, &newest)) return;
    agent_camera_done(&l->newest);
    l->newest = newest;
}

/* Those that nobody wants, and those that are wanted otherwise. */
static void let_leave(agent *a, change *c)
{
    VD_AUTO(lane_list) all = agent_lanes(a);

    for (unsigned i = 0; i < all.count; i++) {
        lane *l = all.lane[i];
        const camera_wish *w = wanted(a, l->config->id);
        if (w && agent_camera_same(&w->camera, &l->own)) {
            note_newest(l, w);
            continue;
        }
        vd_log(VD_LOG_INFO, w ? "camera.changes" : "camera.leaves",
               w ? "the camera starts again with other settings"
                 : "nobody wants the camera any more",
               "camera", l->config->id, NULL);
        c->lane[c->count++] = l;
        c->left += !w;
        c->again += w != NULL;
    }
}

static void let_come(agent *a, camera_wish *w)
{
    agent_camera camera;
    lane *added = NULL;
    vd_why why = { 0 };

    vd_err err = agent_camera_copy(&w->camera, &camera);
    if (!err) err = lanes_add(a, &camera, &added, &why);
    if (!err) {
        note_newest(added, w);
        rulebook_start(a, &added, 1);
        lane_start(added);
        return;
    }
    w->refused = true;
    w->why = why;
    vd_log_why(VD_LOG_ERROR, "camera.refused", "a camera cannot be added", &why, "camera", w->id,
               NULL);
}

static bool is_there(agent *a, const char *id)
{
    lane *l = agent_lane(a, id);

    lane_let_go(l);
    return l != NULL;
}

static void let_all_come(agent *a, const wish_list *list, change *c)
{
    for (unsigned i = 0; i < list->count; i++) {
        camera_wish *w = wanted(a, list->item[i].id);
        if (!w || is_there(a, w->id)) continue;
        let_come(a, w);
        c->came++;
    }
}

static void apply(agent *a, change *c)
{
    let_leave(a, c);
    lanes_leave(a, c->lane, c->count);
    VD_AUTO(lane_list) stayed = agent_lanes(a);
    rulebook_start(a, stayed.lane, stayed.count);
    let_all_come(a, &a->from_file, c);
    let_all_come(a, &a->from_hub, c);
    a->wishes_changed = false;
    a->wishes_version++;
}

void live_apply(agent *a)
{
    change c = { 0 };
    char came[24], left[24], again[24], now[24];

    pthread_mutex_lock(&a->wishes_use);
    bool changed = a->wishes_changed;
    if (changed) apply(a, &c);
    pthread_mutex_unlock(&a->wishes_use);
    if (!c.came && !c.left) return;
    vd_log(VD_LOG_INFO, "cameras.changed", "cameras came, left or started again", "came",
           vd_text_i64(c.came - c.again, came), "left", vd_text_i64(c.left, left), "again",
           vd_text_i64(c.again, again), "now", vd_text_i64(agent_camera_count(a), now), NULL);
}

/* ---- life ---- */

vd_err live_open(agent *a, bool hub, vd_why *why)
{
    const wish_list none = { 0 };
    wish_list list = list_of_file(a->config, &none);

    replace(a, &a->from_file, &list);
    if (a->config->camera_count && !list.item) return vd_fail(why, VD_FULL, "memory ends");
    if (hub) kept_load(a);
    rulebook_names(a, a->config->rules);
    return VD_OK;
}

void live_file(agent *a, agent_config *file)
{
    pthread_mutex_lock(&a->wishes_use);
    wish_list list = list_of_file(file, &a->from_file);
    replace(a, &a->from_file, &list);
    agent_config *old = a->file;
    a->file = file;
    rulebook_names(a, file->rules);
    pthread_mutex_unlock(&a->wishes_use);
    if (old) agent_config_done(old);
    free(old);
}

void live_done(agent *a)
{
    list_done(&a->from_file);
    list_done(&a->from_hub);
    if (a->file) agent_config_done(a->file);
    free(a->file);
}
