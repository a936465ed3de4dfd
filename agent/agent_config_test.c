/* The configuration file and its commented default say the same. */
#include "agent_config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/test.h"

extern const char agent_default_yaml[];

static vd_err parse(const char *yaml, agent_config *config, vd_why *why)
{
    vd_err err = agent_config_parse(vd_slice_str(yaml), "agent.yaml", config, why);
    return err ? err : agent_config_whole(config, why);
}

// covers: BASE-4
VD_TEST(commented_default_says_what_the_program_does_without_it)
{
    VD_AUTO(agent_config) file = { 0 };
    agent_config built_in = agent_config_default();

    expect_ok(parse(agent_default_yaml, &file, NULL));
    expect_str(file.connection_string_file, built_in.connection_string_file);
    expect_str(file.ca_file, built_in.ca_file);
    expect_i64(file.https_port, built_in.https_port);
    expect_str(file.device, built_in.device);
    expect_str(file.state_dir, built_in.state_dir);
    expect_u64(file.model_count, built_in.model_count);
    expect_str(file.model[0].path, built_in.model[0].path);
    expect_i64(file.model[0].threads, built_in.model[0].threads);
    expect_i64(file.model[0].provider, built_in.model[0].provider);
    expect_i64(file.model[0].step.every_us, built_in.model[0].step.every_us);
    expect_u64(file.model[0].step.hours.until_min, built_in.model[0].step.hours.until_min);
    expect_str(file.model_library, built_in.model_library);
    expect_str(file.model[0].scorer.url, built_in.model[0].scorer.url);
    expect_str(file.local_address, built_in.local_address);
    expect_i64(file.local_port, built_in.local_port);
    expect_str(file.local_token_file, built_in.local_token_file);
    expect_u64(vd_config_len(file.alerts), 0);
    expect_u64(file.camera_count, 0);
    expect_str(file.time_zone, built_in.time_zone);
    expect_true(file.detections_keep == built_in.detections_keep);
    expect_i64(file.detections_mb, built_in.detections_mb);
    expect_i64(file.detections_age_ms, built_in.detections_age_ms);
    expect_i64(file.pre_roll_ms, built_in.pre_roll_ms);
    expect_i64(file.post_roll_ms, built_in.post_roll_ms);
    expect_i64(file.delay_ms, built_in.delay_ms);
    expect_i64(file.clip_max_ms, built_in.clip_max_ms);
    expect_i64(file.late_ms, built_in.late_ms);
    expect_i64(file.ring_mb, built_in.ring_mb);
    expect_i64(file.snapshot_width, built_in.snapshot_width);
    expect_i64(file.snapshot_quality, built_in.snapshot_quality);
    expect_true(file.recording.enabled == built_in.recording.enabled);
    expect_i64(file.recording.max_gb, built_in.recording.max_gb);
    expect_i64(file.recording.max_age_ms, built_in.recording.max_age_ms);
    expect_true(file.integrity.enabled == built_in.integrity.enabled);
    expect_i64(file.integrity.after_ms, built_in.integrity.after_ms);
    expect_i64(file.integrity.relearn_ms, built_in.integrity.relearn_ms);
    expect_u64(file.integrity.ignore, built_in.integrity.ignore);
    expect_str(file.integrity.reference, built_in.integrity.reference);
    expect_i64(file.recording_min_free_gb, built_in.recording_min_free_gb);
    expect_i64(file.recording_fragment_ms, built_in.recording_fragment_ms);
    expect_i64(file.quota_mb, built_in.quota_mb);
    expect_i64(file.upload.always, built_in.upload.always);
    expect_i64(file.upload.severity_min, built_in.upload.severity_min);
    expect_near(file.upload.score_min, built_in.upload.score_min, 0);
    expect_near(file.upload.score_max, built_in.upload.score_max, 0);
    expect_i64(file.upload.per_hour, built_in.upload.per_hour);
    expect_i64(file.upload.per_day, built_in.upload.per_day);
    expect_i64(file.upload.kbit_s, built_in.upload.kbit_s);
    expect_i64(file.upload.quiet_from_min, file.upload.quiet_to_min);
    expect_i64(file.max_age_ms, built_in.max_age_ms);
    expect_i64(file.log_level, built_in.log_level);
    expect_i64(file.log_format, built_in.log_format);
}

/* Uncomments the examples: what stands behind "#   " or "#     " of a list's example. */
static void uncommented(const char *yaml, const char *empty, vd_buf *into)
{
    vd_slice rest = vd_slice_str(yaml), line;
    bool example = false;

    while (rest.len) {
        line = vd_slice_cut(rest, '\n', &rest);
        if (vd_slice_starts(line, VD_STR("#   - id:"))) example = true;
        if (!vd_slice_starts(line, VD_STR("#"))) example = false;
        if (vd_slice_eq(line, vd_slice_str(empty))) continue;
        vd_slice name = vd_slice_cut(vd_slice_str(empty), ' ', &(vd_slice){ 0 });
        if (example && vd_slice_starts(line, VD_STR("#   - id:")) && into->len == 0)
            vd_buf_add(into, name), vd_buf_add_byte(into, '\n');
        if (example) vd_buf_add(into, vd_slice_from(line, 1)), vd_buf_add_byte(into, '\n');
        if (example && rest.len && vd_slice_starts(rest, vd_slice_str(empty))) return;
        if (!example) vd_buf_clear(into);
    }
}

// covers: BASE-4
VD_TEST(example_camera_in_the_manual_is_a_good_one)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    uncommented(agent_default_yaml, "cameras: []", &yaml);
    expect_ok(parse(yaml.data, &config, &why));
    expect_u64(config.camera_count, 5);
    expect_i64(config.camera[3].kind, VD_CAMERA_ONVIF);
    expect_u64(agent_source(&config.camera[4], "").speed, 60);
    expect_i64(agent_source(&config.camera[4], "").from_utc_us, INT64_C(1795204800000000));
    expect_str(agent_source(&config.camera[3], "").url, "10.0.0.8");
    expect_str(config.camera[0].id, "gate");
    expect_str(config.camera[0].url, "rtsp://10.0.0.7/main");
    expect_str(config.camera[0].sub_url, "rtsp://10.0.0.7/sub");
    expect_str(config.camera[0].password_file, "gate.password");
    expect_true(config.camera[0].loop);
    expect_i64(config.camera[0].decode, VD_DECODE_AUTO);
    expect_str(config.camera[0].hwaccel, "auto");
    expect_true(config.camera[0].recording.enabled);
    expect_i64(config.camera[0].recording.max_gb, 20);
    expect_i64(config.camera[1].kind, VD_CAMERA_USB);
    expect_str(config.camera[1].device, "/dev/video0");
    assert_null(config.camera[1].usb.format);
    expect_u64(config.camera[1].usb.width_px, 1280);
    expect_u64(config.camera[1].usb.height_px, 720);
    expect_i64(config.camera[2].kind, VD_CAMERA_FOLDER);
    expect_str(config.camera[2].folder, "/srv/station-1");
    expect_str(config.camera[2].still.pattern, "*.jpg");
    expect_i64(config.camera[2].still.after, VD_AFTER_KEEP);
}

// covers: CAM-3
VD_TEST(an_address_says_by_its_scheme_what_source_it_is)
{
    VD_AUTO(agent_config) config = { 0 };

    expect_ok(parse("cameras: [{id: a, url: 'https://h/p'}, {id: b, url: 'rtsp://h/p'},"
                    " {id: c, folder: in, after: delete, order: time, time: name-utc}]",
                    &config, NULL));
    expect_i64(config.camera[0].kind, VD_CAMERA_HTTP);
    expect_i64(config.camera[1].kind, VD_CAMERA_RTSP);
    expect_i64(config.camera[2].kind, VD_CAMERA_FOLDER);
    expect_i64(config.camera[2].still.after, VD_AFTER_DELETE);
    expect_i64(config.camera[2].still.order, VD_ORDER_TIME);
    expect_i64(config.camera[2].still.time, VD_STILL_TIME_NAME_UTC);
    const vd_camera_config camera = agent_source(&config.camera[2], "");
    expect_str(camera.url, "in");
    expect_str(camera.id, "c");
}

// covers: CAM-3
VD_TEST(a_setting_of_another_source_is_refused)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    expect_err(parse("cameras:\n- id: a\n  url: rtsp://h/p\n  after: move\n", &config, &why),
               VD_INVALID);
    assert_non_null(strstr(why.detail, "line 4"));
    assert_non_null(strstr(why.fact, "folder"));
}

// covers: REC-1
VD_TEST(camera_is_recorded_as_the_section_says_unless_it_says_otherwise)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    expect_ok(parse("cameras:\n  - {id: a, file: a.mp4}\n  - {id: b, file: b.mp4, recording: "
                    "{enabled: false, max_gb: 3}}\nrecording: {enabled: true, max_age: 1d}\n",
                    &config, &why));
    expect_true(config.camera[0].recording.enabled);
    expect_i64(config.camera[0].recording.max_gb, 50);
    expect_i64(config.camera[0].recording.max_age_ms, 86400000);
    expect_false(config.camera[1].recording.enabled);
    expect_i64(config.camera[1].recording.max_gb, 3);
    expect_err(parse("recording: {max_gib: 3}", &config, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "max_gb"));
}

// covers: REC-2
VD_TEST(upload_policy_is_read_and_a_senseless_one_refused)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    expect_ok(parse("upload: {always: high, severity_min: low, score_min: 0.3, score_max: 0.7, "
                    "per_hour: 4, kbit_s: 512, quiet: '22:30-06:00'}",
                    &config, &why));
    expect_i64(config.upload.always, 3);
    expect_i64(config.upload.severity_min, 1);
    expect_i64(config.upload.quiet_from_min, 22 * 60 + 30);
    expect_i64(config.upload.quiet_to_min, 360);
    static const char *const bad[] = { "upload: {quiet: '22-06'}", "upload: {quiet: '24:00-06:00'}",
                                       "upload: {quiet: '22:00-06:00h'}",
                                       "upload: {score_min: 0.8, score_max: 0.2}",
                                       "upload: {always: dire}" };
    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) refused = { 0 };
        expect_err(parse(bad[i], &refused, &why), VD_INVALID);
        assert_non_null(strstr(why.detail, "line 1"));
    }
}

static const char two_models[] = "models:\n"
                                 "  helmet: {path: h.onnx, rate: 2, schedule: '06:00-22:00',\n"
                                 "           on: {classes: [person], max_per_picture: 4}}\n"
                                 "  night: {path: n.onnx, provider: openvino}\n";

// covers: INF-3
VD_TEST(a_camera_names_the_models_that_look_at_it)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(4096);
    VD_AUTO(agent_config) config = { 0 };
    vd_buf_addf(&yaml,
                "%scameras:\n- {id: a, file: a.mp4}\n"
                "- {id: b, file: b.mp4, models: [helmet, main]}\n"
                "- {id: c, file: c.mp4, models: [night]}\n",
                two_models);
    expect_ok(parse(yaml.data, &config, NULL));
    expect_u64(config.model_count, 3);
    for (unsigned i = 0; i < 9; i++)
        expect_true(config_camera_wants(&config.camera[i / 3], &config, i % 3) ==
                    (i == 0 || i == 3 || i == 4 || i == 8));
    const vd_lineup_step *helmet = &config.model[1].step;
    expect_str(helmet->id, "helmet");
    expect_i64(helmet->every_us, 500000);
    expect_u64(helmet->hours.from_min, 360);
    expect_str(helmet->on[0], "person");
    expect_near(helmet->margin, 0.1, 1e-6);
    expect_i64(helmet->min_px, 24);
    expect_u64(helmet->crops, 4);
    expect_i64(config.model[2].provider, VD_PROVIDER_OPENVINO);
}

// covers: INF-3
VD_TEST(models_that_cannot_be_meant_are_refused_with_line_and_reason)
{
    static const struct {
        const char *yaml, *line, *word;
    } bad[] = {
        { "models: {main: {path: x}}", "line 1", "no id of a model" },
        { "models:\n  a: {rate: 2}", "line 2", "no path" },
        { "models: {a: {path: x, rate: 0.1}}", "line 1", "too slow" },
        { "models: {a: {path: x, schedule: 6-22}}", "line 1", "no schedule" },
        { "models: {a: {path: x, on: {margin: 1}}}", "line 1", "classes" },
        { "models: {a: {path: x, provider: gpu}}", "line 1", "gpu" },
        { "models: {a: {path: x, trial: 1s}}", "line 1", "trial" },
        { "models: [a]", "line 1", "map" },
        { "cameras: [{id: a, file: x, models: []}]", "line 1", "model ids" },
        { "cameras: [{id: a, file: x, models: [main, main]}]", "line 1", "twice" },
        { "models: {helmet: {path: x}}\ncameras: [{id: a, file: x, models: [helmt]}]", "line 2",
          "helmt" },
        { "models: {a: {path: x, on: {classes: [b]}}}\n"
          "cameras: [{id: a, file: x, models: [a]}]",
          "line 2", "whole picture" },
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) config = { 0 };
        vd_why why = { 0 };
        char line[1024];
        expect_err(parse(bad[i].yaml, &config, &why), VD_INVALID);
        vd_why_line(&why, line, sizeof line);
        if (!strstr(line, bad[i].word)) print_error("'%s' does not say '%s'\n", line, bad[i].word);
        assert_non_null(strstr(why.detail, bad[i].line));
        assert_non_null(strstr(line, bad[i].word));
    }
}

// covers: INF-3
VD_TEST(example_model_in_the_manual_is_a_good_one)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 };
    vd_slice rest = vd_slice_str(agent_default_yaml), line;
    bool example = false;

    vd_buf_add_str(&yaml, "models:\n");
    while (rest.len) {
        line = vd_slice_cut(rest, '\n', &rest);
        if (vd_slice_starts(line, VD_STR("#   helmet:"))) example = true;
        if (!vd_slice_starts(line, VD_STR("#"))) example = false;
        if (example) vd_buf_add(&yaml, vd_slice_from(line, 1)), vd_buf_add_byte(&yaml, '\n');
    }
    expect_ok(parse(yaml.data, &config, NULL));
    expect_u64(config.model_count, 2);
    expect_u64(config.model[1].step.on_count, 1);
}

// covers: BASE-4
VD_TEST(unknown_setting_is_refused_with_line_and_nearest_known_one)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    expect_err(parse("device: d\nevidence:\n  pre_rol: 3s\n", &config, &why), VD_INVALID);
    assert_non_null(strstr(why.detail, "line 3"));
    assert_non_null(strstr(why.hint, "pre_roll"));
}

VD_TEST(camera_needs_exactly_one_source)
{
    static const char *const bad[] = {
        "cameras: [{id: a}]",
        "cameras: [{id: a, url: 'rtsp://h/p', file: x.mp4}]",
        "cameras: [{id: a, url: 'ftp://h/p'}]",
        "cameras: [{id: a, file: x.mp4, folder: x}]",
        "cameras: [{id: a, url: 'rtsp://h/p', sub_url: 'ftp://h/p'}]",
        "cameras: [{id: a, url: 'rtsp://h/p', sub_url: 'rtsp://me:pw@h/p'}]",
        "cameras: [{id: a, file: x.mp4, sub_url: 'rtsp://h/p'}]",
        "cameras: [{id: a, url: 'rtsp://h/p', onvif: 10.0.0.7}]",
        "cameras: [{id: a, onvif: 'me:pw@10.0.0.7'}]",
        "cameras: [{id: a, onvif: 'rtsp://10.0.0.7/main'}]",
        "cameras: [{id: a, onvif: 10.0.0.7, sub_url: 'rtsp://10.0.0.7/s'}]",
        "cameras: [{id: a, onvif: 10.0.0.7, streams: all}]",
        "cameras: [{id: a, url: 'rtsp://h/p', onvif_host: 10.0.0.8}]",
        "cameras: [{id: a, device: /dev/video0, size: 1280}]",
        "cameras: [{id: a, device: /dev/video0, size: 0x0}]",
        "cameras: [{id: Gate, file: x.mp4}]",
        "cameras: [{id: a, file: x.mp4}, {id: a, file: y.mp4}]",
        "cameras: {id: a}",
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) config = { 0 };
        vd_why why = { 0 };
        expect_err(parse(bad[i], &config, &why), VD_INVALID);
        assert_non_null(strstr(why.detail, "line 1"));
    }
}

// covers: CAM-5
VD_TEST(decoding_is_automatic_unless_the_camera_says_otherwise)
{
    VD_AUTO(agent_config) silent = { 0 }, said = { 0 }, wrong = { 0 };
    vd_why why = { 0 };

    expect_ok(parse("cameras: [{id: a, file: x.mp4}]", &silent, &why));
    expect_i64(silent.camera[0].decode, VD_DECODE_AUTO);
    expect_str(silent.camera[0].hwaccel, "auto");
    expect_ok(parse("cameras: [{id: a, file: x.mp4, decode: key, hwaccel: cuda}]", &said, &why));
    expect_i64(said.camera[0].decode, VD_DECODE_KEY);
    expect_str(said.camera[0].hwaccel, "cuda");
    expect_err(parse("cameras: [{id: a, file: x.mp4, decode: some}]", &wrong, &why), VD_INVALID);
    assert_non_null(strstr(why.detail, "line 1"));
}

/* The scorer's example: what stands behind "  # " from its name on. */
static void uncommented_scorer(vd_buf *into)
{
    vd_slice rest = vd_slice_str(strstr(agent_default_yaml, "  # scorer:")), line;

    vd_buf_add_str(into, "model:\n");
    while (vd_slice_starts(line = vd_slice_cut(rest, '\n', &rest), VD_STR("  # "))) {
        vd_buf_add_str(into, "  ");
        vd_buf_add(into, vd_slice_from(line, 4));
        vd_buf_add_byte(into, '\n');
    }
}

// covers: INF-5
VD_TEST(example_scorer_in_the_manual_is_a_good_one_with_the_defaults)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 }, least = { 0 };

    uncommented_scorer(&yaml);
    expect_ok(parse(yaml.data, &config, NULL));
    expect_ok(parse("model: {scorer: {url: 'http://127.0.0.1:9000/score', classes: [person]}}",
                    &least, NULL));
    expect_str(config.model[0].scorer.url, least.model[0].scorer.url);
    expect_u64(config.model[0].scorer.class_count, 1);
    expect_i64(config.model[0].scorer.timeout_ms, least.model[0].scorer.timeout_ms);
    expect_i64(config.model[0].scorer.quality, least.model[0].scorer.quality);
    expect_i64(config.model[0].scorer.width, least.model[0].scorer.width);
    expect_near(config.model[0].scorer.score_min, least.model[0].scorer.score_min, 1e-9);
}

// covers: INF-5
VD_TEST(scorer_without_classes_or_with_a_password_is_refused)
{
    static const char *const bad[] = {
        "model: {scorer: {url: 'http://h/score'}}",
        "model: {scorer: {url: 'http://h/score', classes: []}}",
        "model: {scorer: {url: 'file:///etc/passwd', classes: [a]}}",
        "model: {scorer: {url: 'http://me:hunter2@h/score', classes: [a]}}",
        "model: {scorer: {url: 'http://h/score', classes: [a], height: 7}}",
        "model: {scorer: {url: 'http://h/score', classes: [a], colour: 7}}",
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) config = { 0 };
        vd_why why = { 0 };
        char line[1024];
        expect_err(parse(bad[i], &config, &why), VD_INVALID);
        assert_non_null(strstr(why.detail, "line 1"));
        assert_null(strstr(vd_why_line(&why, line, sizeof line), "hunter2"));
    }
}

VD_TEST(password_in_an_address_is_refused_and_not_repeated)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };
    char line[1024];

    expect_err(parse("cameras: [{id: a, url: 'rtsp://me:hunter2@h/p'}]", &config, &why),
               VD_INVALID);
    assert_null(strstr(vd_why_line(&why, line, sizeof line), "hunter2"));
    assert_non_null(strstr(why.hint, "password_file"));
}

VD_TEST(secret_that_others_can_read_is_taken_with_a_warning)
{
    char dir[] = "/tmp/vedette-agent-XXXXXX", path[64], secret[64];
    vd_why why = { 0 };

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    expect_ok(vd_file_save(path, 0644, VD_STR("hunter2\n"), NULL));
    expect_ok(agent_secret_read(path, secret, sizeof secret, &why));
    expect_str(secret, "hunter2");
    assert_non_null(strstr(why.fact, "others can read"));
    assert_int_equal(chmod(path, 0600), 0);
    why = (vd_why){ 0 };
    expect_ok(agent_secret_read(path, secret, sizeof secret, &why));
    expect_str(why.fact, "");
    unlink(path);
    expect_err(agent_secret_read(path, secret, sizeof secret, &why), VD_INVALID);
    rmdir(dir);
}

/* The manual's template and the camera that uses it. */
static void template_example(vd_buf *into)
{
    vd_slice rest = vd_slice_str(agent_default_yaml), line;
    bool example = false;

    vd_buf_add_str(into, "templates:\n");
    while (rest.len) {
        line = vd_slice_cut(rest, '\n', &rest);
        if (vd_slice_starts(line, VD_STR("#   yard:"))) example = true;
        if (vd_slice_eq(line, VD_STR("# and under cameras:"))) {
            vd_buf_add_str(into, "cameras:\n");
            continue;
        }
        if (example && !vd_slice_starts(line, VD_STR("#"))) return;
        if (example) vd_buf_add(into, vd_slice_from(line, 1)), vd_buf_add_byte(into, '\n');
    }
}

// covers: CAM-4, BASE-4
VD_TEST(the_manuals_template_makes_a_camera)
{
    VD_AUTO(vd_buf) yaml = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 };
    double x = -1;

    template_example(&yaml);
    expect_ok(parse(yaml.data, &config, NULL));
    expect_u64(config.camera_count, 1);
    expect_str(config.camera[0].id, "gate-1");
    expect_str(config.camera[0].url, "rtsp://10.0.0.7/main");
    expect_i64(config.camera[0].max_fps, 10);
    const vd_config_node *rule = vd_config_at(config.camera[0].rules, 0);
    const vd_config_node *point = vd_config_at(vd_config_get(rule, "points"), 2);
    expect_ok(vd_config_num(vd_config_at(point, 0), NULL, 0, 1, &x, NULL));
    expect_true(x == 1);
}

// covers: CAM-4
VD_TEST(the_example_in_the_docs_is_a_good_one)
{
    VD_AUTO(vd_buf) page = VD_BUF(65536);
    VD_AUTO(agent_config) config = { 0 };
    const char *root = getenv("VEDETTE_SOURCE_ROOT");
    char path[4096];

    assert_non_null(root);
    snprintf(path, sizeof path, "%s/docs/cameras.md", root);
    expect_ok(vd_file_load(path, &page, NULL));
    char *begin = strstr(page.data, "```yaml\n");
    assert_non_null(begin);
    char *end = strstr(begin + 8, "```");
    assert_non_null(end);
    *end = '\0';
    expect_ok(parse(begin + 8, &config, NULL));
    expect_u64(config.camera_count, 4);
    expect_str(config.camera[2].url, "rtsp://10.0.0.9/sub");
    expect_i64(config.camera[2].max_fps, 4);
    expect_u64(vd_config_len(config.camera[1].rules), 1);
    expect_false(config.camera[3].enabled);
}

#define YARD                                                                                       \
    "templates:\n"                                                                                 \
    "  yard:\n"                                                                                    \
    "    parameters: {address: , path: main, fps: 5}\n"                                            \
    "    url: 'rtsp://${address}/${path}'\n"                                                       \
    "    max_fps: ${fps}\n"                                                                        \
    "    user: viewer\n"                                                                           \
    "cameras:\n"

// covers: CAM-4
VD_TEST(parameters_fill_a_template_and_the_cameras_own_settings_go_before_it)
{
    VD_AUTO(agent_config) config = { 0 };

    expect_ok(parse(YARD "- {id: a, template: yard, with: {address: h}}\n"
                         "- {id: b, template: yard, with: {address: i, path: sub, fps: 2}}\n"
                         "- {id: c, template: yard, with: {address: j}, max_fps: 1, user: me}\n"
                         "- {id: d, url: 'rtsp://${address}/x'}\n",
                    &config, NULL));
    expect_str(config.camera[0].url, "rtsp://h/main");
    expect_i64(config.camera[0].max_fps, 5);
    expect_str(config.camera[0].user, "viewer");
    expect_str(config.camera[1].url, "rtsp://i/sub");
    expect_i64(config.camera[1].max_fps, 2);
    expect_i64(config.camera[2].max_fps, 1);
    expect_str(config.camera[2].user, "me");
    expect_str(config.camera[3].url, "rtsp://${address}/x"); /* no template: nothing to fill in */
}

// covers: CAM-4
VD_TEST(wrong_parameters_and_templates_are_refused_with_line_and_name)
{
    static const struct {
        const char *yaml, *fact, *detail, *hint;
    } bad[] = {
        { YARD "- {id: a, template: yard}\n", "needs the parameter 'address'", "line 8", "with:" },
        { YARD "- id: a\n  template: yard\n  with: {adress: h}\n", "no parameter 'adress'",
          "line 10", "'address'" },
        { YARD "- {id: a,\n   template: yrad}\n", "no template 'yrad'", "line 9", "'yard'" },
        { YARD "- {id: a, url: 'rtsp://h/p',\n   with: {x: 1}}\n", "'with' is for a template",
          "line 9", "" },
        { YARD "- {id: a, template: yard, with: {address: [h]}}\n", "inside a text", "line 8", "" },
        { YARD "- {id: a, template: yard, with: [h]}\n", "gives each parameter", "line 8", "" },
        { "templates: {t: {url: 'rtsp://${host}/x'}}\ncameras: [{id: a, template: t}]\n",
          "no parameter 'host'", "line 1", "" },
        { "templates: {t: {url: 'rtsp://${host'}}\ncameras: [{id: a, template: t}]\n",
          "without its '}'", "line 1", "" },
        { "templates: {t: {file: x, rules: [{id: 'a ${b'}]}}\ncameras: [{id: a, template: t}]\n",
          "without its '}'", "line 1", "" },
        { YARD "- {id: a, template: yard, with: {address: h},\n   max_fps: 999}\n", "'max_fps'",
          "line 9", "999" },
        { YARD "- {id: a, template: yard, with: {address: h, fps: many}}\n", "'max_fps'", "line 8",
          "many" },
    };

    for (unsigned i = 0; i < VD_COUNT_OF(bad); i++) {
        VD_AUTO(agent_config) config = { 0 };
        vd_why why = { 0 };
        expect_err(parse(bad[i].yaml, &config, &why), VD_INVALID);
        if (!strstr(why.fact, bad[i].fact) || !strstr(why.detail, bad[i].detail) ||
            !strstr(why.hint, bad[i].hint))
            fail_msg("%u: %s | %s | %s", i, why.fact, why.detail, why.hint);
    }
}

// covers: CAM-4
VD_TEST(a_wrong_camera_leaves_the_others_in_the_file)
{
    VD_AUTO(agent_config) config = { 0 };

    expect_ok(agent_config_parse(VD_STR("cameras:\n- {id: a, file: x}\n- {id: b}\n- 7\n"
                                        "- {id: c, file: y}\n- {id: a, file: z}\n"),
                                 "agent.yaml", &config, NULL));
    expect_u64(config.camera_count, 2);
    expect_str(config.camera[1].id, "c");
    expect_u64(config.refused_count, 3);
    expect_str(config.refused[0].id, "b");
    expect_str(config.refused[1].id, "");
    expect_str(config.refused[2].id, "a");
    assert_non_null(strstr(config.refused[2].why.detail, "line 6"));
}

VD_TEST_MAIN(VD_RUN(commented_default_says_what_the_program_does_without_it),
             VD_RUN(example_camera_in_the_manual_is_a_good_one),
             VD_RUN(camera_is_recorded_as_the_section_says_unless_it_says_otherwise),
             VD_RUN(upload_policy_is_read_and_a_senseless_one_refused),
             VD_RUN(a_camera_names_the_models_that_look_at_it),
             VD_RUN(models_that_cannot_be_meant_are_refused_with_line_and_reason),
             VD_RUN(example_model_in_the_manual_is_a_good_one),
             VD_RUN(unknown_setting_is_refused_with_line_and_nearest_known_one),
             VD_RUN(an_address_says_by_its_scheme_what_source_it_is),
             VD_RUN(a_setting_of_another_source_is_refused),
             VD_RUN(camera_needs_exactly_one_source),
             VD_RUN(decoding_is_automatic_unless_the_camera_says_otherwise),
             VD_RUN(example_scorer_in_the_manual_is_a_good_one_with_the_defaults),
             VD_RUN(scorer_without_classes_or_with_a_password_is_refused),
             VD_RUN(password_in_an_address_is_refused_and_not_repeated),
             VD_RUN(the_manuals_template_makes_a_camera),
             VD_RUN(the_example_in_the_docs_is_a_good_one),
             VD_RUN(parameters_fill_a_template_and_the_cameras_own_settings_go_before_it),
             VD_RUN(wrong_parameters_and_templates_are_refused_with_line_and_name),
             VD_RUN(a_wrong_camera_leaves_the_others_in_the_file),
             VD_RUN(secret_that_others_can_read_is_taken_with_a_warning))
