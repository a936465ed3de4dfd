#include "agent_config.h"

#include <stdio.h>
#include <stdlib.h>

#include "vd/secret.h"

#define DAY_MS      86400000ll
#define ENTRY_BYTES 65536

agent_config agent_config_default(void)
{
    return (agent_config){
        .connection_string_file = "",
        .ca_file = "",
        .release_key = "",
        .https_port = 8443,
        .device = "agent",
        .state_dir = "var/agent",
        .model = { { .path = "", .scorer = { .url = "" }, .step = { .id = "main" } } },
        .model_count = 1,
        .model_library = "",
        .model_trial_ms = 120000,
        .time_zone = "UTC",
        .detections_keep = true,
        .detections_mb = 512,
        .detections_age_ms = 3 * DAY_MS,
        .pre_roll_ms = 5000,
        .post_roll_ms = 5000,
        .clip_max_ms = 60000,
        .late_ms = 10000,
        .ring_mb = 32,
        .snapshot_quality = 85,
        .recording = { .max_gb = 50, .max_age_ms = 7 * DAY_MS },
        .integrity = { .enabled = true, .after_ms = 30000, .relearn_ms = 3600000 },
        .recording_min_free_gb = 2,
        .recording_fragment_ms = 2000,
        .quota_mb = 2048,
        .max_age_ms = 30 * DAY_MS,
        .upload = { .always = 4, .score_max = 1 },
        .window_ms = 3600000,
        .local_address = "127.0.0.1",
        .local_token_file = "",
        .local_port = -1,
        .log_level = VD_LOG_INFO,
        .log_format = VD_LOG_AUTO,
    };
}

/* A section that may be missing, with the keys it may have. */
static vd_err section(const vd_config_node *root, const char *name, const char *const *keys,
                      const vd_config_node **ret_node, vd_why *why)
{
    *ret_node = vd_config_get(root, name);
    return *ret_node ? vd_config_only(*ret_node, keys, why) : VD_OK;
}

static vd_err read_hub(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "connection_string_file", "ca_file", "https_port",
                                        "release_key", NULL };
    const vd_config_node *hub;

    vd_err err = section(root, "hub", keys, &hub, why);
    if (!err) err = vd_config_text(hub, "connection_string_file", &c->connection_string_file, why);
    if (!err) err = vd_config_text(hub, "ca_file", &c->ca_file, why);
    if (!err) err = vd_config_int(hub, "https_port", 1, 65535, &c->https_port, why);
    if (!err) err = vd_config_text(hub, "release_key", &c->release_key, why);
    return err;
}

static bool camera_id_good(const char *id)
{
    size_t len = strlen(id);

    return len >= 1 && len <= VD_CAMERA_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* What a camera and the section of its name have in common. */
static vd_err read_recording_of(const vd_config_node *node, agent_recording *r, vd_why *why)
{
    vd_err err = vd_config_bool(node, "enabled", &r->enabled, why);
    if (!err) err = vd_config_int(node, "max_gb", 0, 1 << 20, &r->max_gb, why);
    if (!err) err = vd_config_duration_ms(node, "max_age", 0, 3650 * DAY_MS, &r->max_age_ms, why);
    return err;
}

static vd_err read_recording(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "enabled",     "max_gb",   "max_age",
                                        "min_free_gb", "fragment", NULL };
    const vd_config_node *node;

    vd_err err = section(root, "recording", keys, &node, why);
    if (!err) err = read_recording_of(node, &c->recording, why);
    if (!err) err = vd_config_int(node, "min_free_gb", 0, 1 << 20, &c->recording_min_free_gb, why);
    if (!err)
        err = vd_config_duration_ms(node, "fragment", 500, 60000, &c->recording_fragment_ms, why);
    return err;
}

static vd_err read_camera_recording(const vd_config_node *camera, agent_recording *r, vd_why *why)
{
    static const char *const keys[] = { "enabled", "max_gb", "max_age", NULL };
    const vd_config_node *node;

    vd_err err = section(camera, "recording", keys, &node, why);
    return err ? err : read_recording_of(node, r, why);
}

static vd_err own_rules(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    camera->rules = vd_config_get(node, "rules");
    if (camera->rules && !vd_config_is_list(camera->rules))
        return vd_config_fail(camera->rules, why, "the rules of a camera are a list");
    return VD_OK;
}

static vd_err own_chain(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_chain chain;

    camera->chain = vd_config_get(node, "chain");
    return vd_chain_read(camera->chain, VD_CHAIN_OF_CAMERA, &chain, why);
}

static vd_err own_masks(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_mask masks[VD_MASKS_MAX];
    unsigned count;

    camera->masks = vd_config_get(node, "masks");
    return config_masks_read(camera->masks, masks, &count, why);
}

static vd_err read_sign_in(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_err err = vd_config_text(node, "user", &camera->user, why);
    return err ? err : vd_config_text(node, "password_file", &camera->password_file, why);
}

static vd_err read_camera_decoding(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    static const char *const decodes[] = { "all", "auto", "key", NULL };
    static const char *const encodes[] = { "keep", "h264", NULL };
    static const char *const hwaccels[] = { "auto", "off", "vaapi", "cuda", "v4l2m2m", NULL };
    int hwaccel = 0;

    vd_err err = vd_config_choice(node, "decode", decodes, &camera->decode, why);
    if (!err) err = vd_config_choice(node, "encode", encodes, &camera->encode, why);
    if (!err) err = vd_config_choice(node, "hwaccel", hwaccels, &hwaccel, why);
    if (!err) camera->hwaccel = hwaccels[hwaccel];
    return err;
}

/* Whether it is used, and what looks at it for what. */
static vd_err read_camera_use(const vd_config_node *node, agent_camera *camera, vd_why *why)
{
    vd_err err = vd_config_bool(node, "enabled", &camera->enabled, why);
    if (!err) err = own_rules(node, camera, why);
    if (!err) err = own_chain(node, camera, why);
    if (!err) err = own_masks(node, camera, why);
    return err ? err : config_camera_models(node, camera, why);
}

static vd_err read_camera(const vd_config_node *node, agent_config *c, vd_why *why)
{
    static const char *const keys[] = {
        "id",      "url",           "sub_url",   "file",       "folder",      "device",
        "user",    "password_file", "transport", "loop",       "max_fps",     "recording",
        "enabled", "rules",         "pattern",   "after",      "order",       "time",
        "format",  "size",          "fps",       "decode",     "encode",      "hwaccel",
        "models",  "onvif",         "streams",   "onvif_host", "chain",       "integrity",
        "speed",   "from",          "masks",     "ca_file",    "fingerprint", "insecure",
        NULL
    };
    static const char *const transports[] = { "tcp", "udp", NULL };
    agent_camera camera = { .url = "",
                            .sub_url = "",
                            .onvif = "",
                            .onvif_host = "",
                            .file = "",
                            .folder = "",
                            .device = "",
                            .user = "",
                            .password_file = "",
                            .loop = true,
                            .enabled = true,
                            .decode = VD_DECODE_AUTO,
                            .hwaccel = "auto" };
    const char *id = "";

    camera.recording = c->recording;
    camera.integrity = c->integrity;

    vd_err err = vd_config_only(node, keys, why);
    if (!err) err = vd_config_text(node, "id", &id, why);
    if (!err && !camera_id_good(id)) {
        err = vd_config_fail(node, why, "'%.40s' is no camera id", id);
        vd_why_hint(why, "1 to %d of a-z, 0-9 and -", VD_CAMERA_ID_MAX);
    }
    if (!err) vd_slice_to_chars(vd_slice_str(id), camera.id, sizeof camera.id);
    if (!err) err = agent_source_read(node, &camera, why);
    if (!err) err = read_sign_in(node, &camera, why);
    if (!err) err = vd_config_choice(node, "transport", transports, &camera.transport, why);
    if (!err) err = vd_config_bool(node, "loop", &camera.loop, why);
    if (!err) err = vd_config_int(node, "max_fps", 0, 240, &camera.max_fps, why);
    if (!err) err = read_camera_decoding(node, &camera, why);
    if (!err) err = read_camera_recording(node, &camera.recording, why);
    if (!err) err = config_integrity_read(node, &camera.integrity, why);
    if (!err) err = read_camera_use(node, &camera, why);
    if (err) return err;
    camera.line = vd_config_line(node);
    c->camera[c->camera_count++] = camera;
    return VD_OK;
}

vd_err agent_camera_read(vd_slice text, const char *name, const agent_config *defaults,
                         agent_camera *ret_camera, vd_why *why)
{
    agent_config one = { .recording = defaults->recording, .integrity = defaults->integrity };
    vd_config *own = NULL;

    vd_err err = vd_config_parse(text, name, &own, why);
    if (!err) err = read_camera(vd_config_root(own), &one, why);
    if (!err && defaults->model_count)
        err = config_camera_check(vd_config_root(own), &one.camera[0], defaults, why);
    char *entry = err ? NULL : strndup((const char *)text.data, text.len);
    if (!err && !entry) err = vd_fail(why, VD_FULL, "memory ends");
    if (err) {
        vd_config_free(own);
        return err;
    }
    *ret_camera = one.camera[0];
    ret_camera->text = own;
    ret_camera->entry = entry;
    return VD_OK;
}

vd_err agent_camera_copy(const agent_camera *from, agent_camera *ret_camera)
{
    const char *name = vd_config_name(vd_config_root(from->text));
    const agent_config defaults = { .recording = from->recording, .integrity = from->integrity };
    vd_err err = agent_camera_read(vd_slice_str(from->entry), name, &defaults, ret_camera, NULL);

    if (!err) ret_camera->sent = from->sent;
    return err;
}

void agent_camera_done(agent_camera *camera)
{
    camera->text = vd_config_free(camera->text);
    free(camera->entry);
    camera->entry = NULL;
}

bool agent_camera_same(const agent_camera *a, const agent_camera *b)
{
    VD_AUTO(vd_buf) left = VD_BUF(ENTRY_BYTES);
    VD_AUTO(vd_buf) right = VD_BUF(ENTRY_BYTES);

    return a->sent == b->sent && !agent_node_print(vd_config_root(a->text), "rules", &left) &&
           !agent_node_print(vd_config_root(b->text), "rules", &right) &&
           vd_slice_eq(vd_buf_slice(&left), vd_buf_slice(&right));
}

static vd_err take_camera(const vd_config_node *entry, const vd_config_node *templates,
                          agent_config *c, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ENTRY_BYTES);
    agent_camera camera;

    vd_err err = agent_entry_fill(entry, NULL, templates, &text, why);
    if (!err) err = agent_camera_read(vd_buf_slice(&text), vd_config_name(entry), c, &camera, why);
    if (err) return err;
    for (unsigned i = 0; !err && i < c->camera_count; i++)
        if (strcmp(c->camera[i].id, camera.id) == 0)
            err = vd_config_fail(entry, why, "two cameras have the id '%s'", camera.id);
    if (!err && c->camera_count == AGENT_CAMERAS_MAX)
        err = vd_config_fail(entry, why, "there are more than %d cameras", AGENT_CAMERAS_MAX);
    if (err)
        agent_camera_done(&camera);
    else
        c->camera[c->camera_count++] = camera;
    return err;
}

static void refuse_camera(const vd_config_node *entry, agent_config *c, const vd_why *why)
{
    agent_refusal *refusal = &c->refused[c->refused_count++];
    const char *id = "";

    if (vd_config_is_map(entry) && vd_config_text(entry, "id", &id, NULL)) id = "";
    vd_slice_to_chars(vd_slice_str(id), refusal->id, sizeof refusal->id);
    if (!camera_id_good(refusal->id)) refusal->id[0] = '\0';
    refusal->why = *why;
}

static vd_err read_cameras(const vd_config_node *root, agent_config *c, vd_why *why)
{
    const vd_config_node *list = vd_config_get(root, "cameras");
    const vd_config_node *templates = vd_config_get(root, "templates");
    size_t count = vd_config_len(list);

    if (templates && !vd_config_is_map(templates))
        return vd_config_fail(templates, why, "'templates' are names with what they stand for");
    if (!list) return VD_OK;
    if (!vd_config_is_list(list)) return vd_config_fail(list, why, "'cameras' is a list");
    if (count > 4 * AGENT_CAMERAS_MAX)
        return vd_config_fail(list, why, "there are far more than %d cameras", AGENT_CAMERAS_MAX);
    c->refused = calloc(count ? count : 1, sizeof *c->refused);
    if (!c->refused) return vd_fail(why, VD_FULL, "memory ends");
    for (size_t i = 0; i < count; i++) {
        vd_why own = { 0 };
        if (take_camera(vd_config_at(list, i), templates, c, &own))
            refuse_camera(vd_config_at(list, i), c, &own);
    }
    return VD_OK;
}

vd_err agent_config_whole(const agent_config *c, vd_why *why)
{
    if (!c->refused_count) return VD_OK;
    if (why) *why = c->refused[0].why;
    return VD_INVALID;
}

static vd_err read_rules(const vd_config_node *root, agent_config *c, vd_why *why)
{
    const vd_config_node *rules = vd_config_get(root, "rules");

    if (rules && !vd_config_is_list(rules) && !vd_config_is_map(rules))
        return vd_config_fail(rules, why, "'rules' is a list of rules");
    c->rules = rules;
    return VD_OK;
}

/* A clip begins before its event or after it; after pre_roll and post_roll are read. */
static vd_err read_delay(const vd_config_node *node, agent_config *c, vd_why *why)
{
    const vd_config_node *delay = vd_config_get(node, "delay");
    vd_err err = vd_config_duration_ms(node, "delay", 0, 60000, &c->delay_ms, why);

    if (err || c->delay_ms == 0) return err;
    if (!vd_config_get(node, "pre_roll")) c->pre_roll_ms = 0;
    if (c->pre_roll_ms > 0) {
        err = vd_config_fail(delay, why, "a clip cannot begin both before and after its event");
        vd_why_hint(why, "leave 'pre_roll' out, or 'delay'");
    } else if (c->post_roll_ms == 0) {
        err = vd_config_fail(delay, why, "an event that is over before 'delay' would have no clip");
        vd_why_hint(why, "'post_roll' above 0s: how long such a clip is");
    }
    return err;
}

static vd_err read_evidence(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = {
        "pre_roll",       "post_roll",        "delay", "clip_max", "late", "ring_mb",
        "snapshot_width", "snapshot_quality", NULL
    };
    const vd_config_node *node;

    vd_err err = section(root, "evidence", keys, &node, why);
    if (!err) err = vd_config_duration_ms(node, "pre_roll", 0, 60000, &c->pre_roll_ms, why);
    if (!err) err = vd_config_duration_ms(node, "post_roll", 0, 300000, &c->post_roll_ms, why);
    if (!err) err = read_delay(node, c, why);
    if (!err) err = vd_config_duration_ms(node, "clip_max", 1000, 600000, &c->clip_max_ms, why);
    if (!err) err = vd_config_duration_ms(node, "late", 0, 10000, &c->late_ms, why);
    if (!err) err = vd_config_int(node, "ring_mb", 1, 1024, &c->ring_mb, why);
    if (!err) err = vd_config_int(node, "snapshot_width", 0, 8192, &c->snapshot_width, why);
    if (!err) err = vd_config_int(node, "snapshot_quality", 1, 100, &c->snapshot_quality, why);
    return err;
}

static vd_err read_queue(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "quota_mb", "max_age", NULL };
    const vd_config_node *node;

    vd_err err = section(root, "queue", keys, &node, why);
    if (!err) err = vd_config_int(node, "quota_mb", 16, 1 << 24, &c->quota_mb, why);
    if (!err)
        err = vd_config_duration_ms(node, "max_age", 60000, 3650 * DAY_MS, &c->max_age_ms, why);
    return err;
}

/* "22:00-06:00" into minutes of the day; empty: no quiet hours. */
static vd_err read_quiet(const vd_config_node *node, agent_upload *u, vd_why *why)
{
    const char *text = "";
    vd_day_span span;

    vd_err err = vd_config_text(node, "quiet", &text, why);
    if (err || !text[0]) return err;
    if (!vd_day_span_parse(vd_slice_str(text), &span)) {
        err = vd_config_fail(vd_config_get(node, "quiet"), why, "'%.30s' is no span of the day",
                             text);
        vd_why_hint(why, "such as 22:00-06:00");
        return err;
    }
    u->quiet_from_min = span.from_min;
    u->quiet_to_min = span.until_min;
    return VD_OK;
}

static vd_err read_band(const vd_config_node *node, agent_upload *u, vd_why *why)
{
    vd_err err = vd_config_num(node, "score_min", 0, 1, &u->score_min, why);
    if (!err) err = vd_config_num(node, "score_max", 0, 1, &u->score_max, why);
    if (!err && u->score_min > u->score_max)
        err = vd_config_fail(node, why, "score_min is above score_max: all evidence would stay");
    return err;
}

static vd_err read_upload(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "severity_min", "always",   "score_min",
                                        "score_max",    "per_hour", "per_day",
                                        "kbit_s",       "quiet",    NULL };
    static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
    const vd_config_node *node;
    agent_upload *u = &c->upload;

    vd_err err = section(root, "upload", keys, &node, why);
    if (!err) err = vd_config_choice(node, "severity_min", severities, &u->severity_min, why);
    if (!err) err = vd_config_choice(node, "always", severities, &u->always, why);
    if (!err) err = read_band(node, u, why);
    if (!err) err = vd_config_int(node, "per_hour", 0, 1000000, &u->per_hour, why);
    if (!err) err = vd_config_int(node, "per_day", 0, 1000000, &u->per_day, why);
    if (!err) err = vd_config_int(node, "kbit_s", 0, 100000000, &u->kbit_s, why);
    return err ? err : read_quiet(node, u, why);
}

static vd_err read_watch(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "window", NULL };
    const vd_config_node *node;

    vd_err err = section(root, "watch", keys, &node, why);
    if (!err) err = vd_config_duration_ms(node, "window", 1000, DAY_MS, &c->window_ms, why);
    return err;
}

static vd_err read_local(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "address", "port", "token_file", NULL };
    const vd_config_node *node;

    vd_err err = section(root, "local", keys, &node, why);
    if (!err) err = vd_config_text(node, "address", &c->local_address, why);
    if (!err) err = vd_config_int(node, "port", -1, 65535, &c->local_port, why);
    if (!err) err = vd_config_text(node, "token_file", &c->local_token_file, why);
    return err;
}

static vd_err read_log(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = { "level", "format", NULL };
    static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
    static const char *const formats[] = { "auto", "human", "json", NULL };
    const vd_config_node *node;

    vd_err err = section(root, "log", keys, &node, why);
    if (!err) err = vd_config_choice(node, "level", levels, &c->log_level, why);
    if (!err) err = vd_config_choice(node, "format", formats, &c->log_format, why);
    return err;
}

/* Of the cameras, and so before them. */
static vd_err read_defaults(const vd_config_node *root, agent_config *c, vd_why *why)
{
    vd_err err = read_recording(root, c, why);
    return err ? err : config_integrity_read(root, &c->integrity, why);
}

static vd_err read_all(const vd_config_node *root, agent_config *c, vd_why *why)
{
    static const char *const keys[] = {
        "hub",      "device",    "state_dir", "model",      "cameras", "templates", "rules",
        "evidence", "recording", "queue",     "upload",     "watch",   "alerts",    "local",
        "log",      "time_zone", "arming",    "detections", "models",  "integrity", NULL
    };

    vd_err err = vd_config_only(root, keys, why);
    if (!err) err = read_hub(root, c, why);
    if (!err) err = vd_config_text(root, "device", &c->device, why);
    if (!err) err = vd_config_text(root, "state_dir", &c->state_dir, why);
    if (!err) err = config_models_read(root, c, why);
    if (!err) err = read_defaults(root, c, why);
    if (!err) err = read_cameras(root, c, why);
    if (!err) err = read_rules(root, c, why);
    if (!err) err = agent_rules_settings(root, c, why);
    if (!err) err = read_evidence(root, c, why);
    if (!err) err = read_queue(root, c, why);
    if (!err) err = read_upload(root, c, why);
    if (!err) err = read_watch(root, c, why);
    c->alerts = vd_config_get(root, "alerts");
    if (!err) err = read_local(root, c, why);
    if (!err) err = read_log(root, c, why);
    return err;
}

static vd_err finish(vd_config *text, agent_config *ret_config, vd_why *why)
{
    agent_config c = agent_config_default();

    c.text = text;
    vd_err err = read_all(vd_config_root(text), &c, why);
    if (err)
        agent_config_done(&c);
    else
        *ret_config = c;
    return err;
}

vd_err agent_config_load(const char *path, agent_config *ret_config, vd_why *why)
{
    vd_config *text = NULL;
    vd_err err = vd_config_load(path, &text, why);

    if (!err) err = finish(text, ret_config, why);
    if (!err) ret_config->path = path;
    return err;
}

vd_err agent_config_parse(vd_slice yaml, const char *name, agent_config *ret_config, vd_why *why)
{
    vd_config *text = NULL;
    vd_err err = vd_config_parse(yaml, name, &text, why);

    return err ? err : finish(text, ret_config, why);
}

void agent_config_done(agent_config *config)
{
    for (unsigned i = 0; i < config->camera_count; i++) agent_camera_done(&config->camera[i]);
    config->camera_count = config->refused_count = 0;
    free(config->refused);
    config->refused = NULL;
    config->text = vd_config_free(config->text);
}

vd_err agent_secret_read(const char *path, char *into, size_t room, vd_why *why)
{
    return vd_secret_line(path, into, room, why);
}
