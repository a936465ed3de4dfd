#include <stdlib.h>

#include "scene.h"
#include "vd/clock.h"
#include "watch_priv.h"

#define HOUR (3600 * S)

static const vd_sql *const tables[] = { intake_sql,  incident_sql, people_sql,
                                        archive_sql, watch_sql,    NULL };

static vd_err tell(vd_store *store, const char *incident, const char *verdict, int64_t after_us,
                   int64_t start_us)
{
    uint64_t version = 0;
    vd_clock_fake(1000, start_us + after_us);
    vd_incident_change change = { .incident = incident, .version = 1, .who = "olga" };
    vd_err err = vd_incident_acknowledge(store, &change, &version, NULL);
    if (err || !verdict) return err;
    change.version = version;
    change.verdict = verdict;
    return vd_incident_resolve(store, &change, &version, NULL);
}

/* One incident `hours` after T0, acknowledged after some seconds. */
static void play(scene *s, double hours, const char *camera, char model, const char *verdict,
                 int64_t after_us)
{
    vd_event e = scene_event(hours * 3600, hours * 3600 + 5);
    e.camera = camera;
    memset(e.model_digest.hex, model, VD_SHA256_HEX);
    vd_incident_outcome outcome = scene_take(s, &e);
    expect_true(outcome.opened);
    if (after_us)
        expect_ok(tell(s->store, outcome.incident.text, verdict, after_us, e.start_utc_us));
    vd_clock_fake(-1, -1);
}

static vd_json *insights(scene *s, double from_h, double to_h)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    vd_json *root = NULL;
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_insights_write(s->store, T0 + (int64_t)(from_h * 3600) * S,
                                T0 + (int64_t)(to_h * 3600) * S, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_json_parse(vd_buf_slice(&text), 1 << 20, 32, &root, NULL));
    return root;
}

static int64_t number(const vd_json *object, const char *key)
{
    return vd_json_int(vd_json_get(object, key), -1);
}

// covers: CIR-11
VD_TEST(incidents_are_counted_by_hour_and_cause)
{
    VD_AUTO(scene) s = scene_open(tables);
    play(&s, 0.1, "gate-1", 'a', "false_alarm", 10 * S);
    play(&s, 0.5, "gate-2", 'a', "true", 10 * S);
    play(&s, 5, "gate-1", 'a', NULL, 0);
    VD_AUTO(vd_json_ptr) root = insights(&s, -24, 24);
    const vd_json *hours = vd_json_get(root, "hours");
    int64_t incidents = 0, wrong = 0;
    for (size_t i = 0; i < vd_json_len(hours); i++) {
        incidents += number(vd_json_at(hours, i), "incidents");
        wrong += number(vd_json_at(hours, i), "false_alarms");
        expect_str(scene_text(vd_json_at(hours, i), "rule_id"), "people");
    }
    expect_i64(incidents, 3);
    expect_i64(wrong, 1);
    VD_AUTO(vd_json_ptr) later = insights(&s, 4, 6);
    expect_u64(vd_json_len(vd_json_get(later, "hours")), 1);
}

// covers: CIR-11
VD_TEST(the_false_alarm_rate_is_told_by_camera_and_model_with_its_interval)
{
    VD_AUTO(scene) s = scene_open(tables);
    for (unsigned i = 0; i < 10; i++)
        play(&s, i, "gate-1", i < 6 ? 'a' : 'b', i < 2 ? "false_alarm" : "true", 5 * S);
    play(&s, 20, "gate-1", 'a', "duplicate", 5 * S); /* says nothing of the model */
    VD_AUTO(vd_json_ptr) root = insights(&s, -24, 48);
    const vd_json *rates = vd_json_get(root, "false_alarms");
    expect_u64(vd_json_len(rates), 2);
    const vd_json *first = vd_json_at(rates, 0);
    expect_i64(number(first, "judged"), 6);
    expect_i64(number(first, "false_alarms"), 2);
    expect_near(vd_json_num(vd_json_get(first, "rate"), 0), 1.0 / 3, 1e-5);
    /* Wilson, 2 of 6: 0.0968 .. 0.7000 */
    expect_near(vd_json_num(vd_json_get(first, "low"), 0), 0.0968, 0.0005);
    expect_near(vd_json_num(vd_json_get(first, "high"), 0), 0.7000, 0.0005);
    expect_i64(number(vd_json_at(rates, 1), "false_alarms"), 0);
}

VD_TEST(the_wilson_interval_is_that_of_the_books)
{
    double low = 0, high = 0;
    watch_wilson(81, 263, &low, &high); /* Newcombe 1998, table I */
    expect_near(low, 0.2553, 0.0001);
    expect_near(high, 0.3662, 0.0001);
    watch_wilson(15, 148, &low, &high);
    expect_near(low, 0.0624, 0.0001);
    expect_near(high, 0.1605, 0.0001);
    watch_wilson(0, 20, &low, &high);
    expect_near(low, 0, 0);
    expect_near(high, 0.1611, 0.0001);
    watch_wilson(0, 0, &low, &high);
    expect_near(high - low, 1, 0);
}

// covers: CIR-11
VD_TEST(the_time_to_acknowledge_is_told_as_median_and_ninetieth_of_a_hundred)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_json_ptr) none = insights(&s, -24, 48);
    assert_null(vd_json_get(vd_json_get(none, "acknowledge"), "median_s"));
    for (unsigned i = 1; i <= 10; i++) play(&s, i, "gate-1", 'a', NULL, i * 60 * S);
    play(&s, 11, "gate-1", 'a', NULL, 0);
    VD_AUTO(vd_json_ptr) root = insights(&s, -24, 48);
    const vd_json *told = vd_json_get(root, "acknowledge");
    expect_i64(number(told, "incidents"), 11);
    expect_i64(number(told, "acknowledged"), 10);
    expect_i64(number(told, "waiting"), 1);
    expect_near(vd_json_num(vd_json_get(told, "median_s"), 0), 300, 0.001);
    expect_near(vd_json_num(vd_json_get(told, "p90_s"), 0), 540, 0.001);
}

static const vd_watch_config config = { .learn = 24, .false_alarms_per_year = 1 };

static void show_hour(scene *s, unsigned hour, unsigned live_s)
{
    VD_AUTO(vd_buf) json = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&json);
    vd_clock_fake(1000, T0 + (hour + 1) * HOUR + S);
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "camera", "gate-1");
    vd_json_w_kv_time(&w, "start", T0 + hour * HOUR);
    vd_json_w_kv_time(&w, "end", T0 + (hour + 1) * HOUR);
    vd_json_w_kv_int(&w, "live_ms", live_s * 1000);
    vd_json_w_kv_int(&w, "pictures", 0);
    vd_json_w_key(&w, "series");
    vd_json_w_object(&w);
    vd_json_w_object_end(&w);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_ok(vd_watch_take(s->store, &config, "yard", vd_buf_slice(&json), NULL));
}

// covers: CIR-11
VD_TEST(uptime_is_what_windows_tell_and_silence_is_down)
{
    VD_AUTO(scene) s = scene_open(tables);
    show_hour(&s, 0, 3600);
    show_hour(&s, 1, 1800);
    VD_AUTO(vd_json_ptr) soon = insights(&s, -24, 48);
    const vd_json *up = vd_json_at(vd_json_get(soon, "uptime"), 0);
    expect_near(vd_json_num(vd_json_get(up, "rate"), 0), 0.75, 0.001);
    vd_clock_fake(1000, T0 + 10 * HOUR); /* nothing was heard for eight hours */
    VD_AUTO(vd_json_ptr) late = insights(&s, -24, 48);
    up = vd_json_at(vd_json_get(late, "uptime"), 0);
    expect_near(vd_json_num(vd_json_get(up, "known_s"), 0), 36000, 1);
    expect_near(vd_json_num(vd_json_get(up, "rate"), 0), 0.15, 0.001);
    vd_clock_fake(-1, -1);
}

// covers: CIR-11
VD_TEST(a_table_is_told_as_csv_that_no_spreadsheet_takes_for_formulas)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_buf) text = VD_BUF(65536);
    VD_AUTO(vd_buf) more = VD_BUF(65536);
    vd_why why = { 0 };
    vd_event e = scene_event(10, 15);
    e.model_name = "=cmd(\"x\"),y";
    vd_incident_outcome outcome = scene_take(&s, &e);
    expect_ok(tell(s.store, outcome.incident.text, "true", 5 * S, e.start_utc_us));
    vd_clock_fake(-1, -1);
    expect_ok(vd_insights_csv(s.store, "false_alarms", T0 - HOUR, T0 + HOUR, &text, &why));
    assert_non_null(strstr(text.data,
                           "device,camera,model,model_digest,judged,false_alarms,rate,low,high\r\n"
                           "yard,gate-1,\"'=cmd(\"\"x\"\"),y\","));
    expect_ok(vd_insights_csv(s.store, "acknowledge", T0 + HOUR, T0 + 2 * HOUR, &more, &why));
    expect_str(more.data, "incidents,acknowledged,waiting,median_s,p90_s\r\n0,0,0,,\r\n");
    expect_err(vd_insights_csv(s.store, "users", T0, T0 + HOUR, &text, &why), VD_INVALID);
}

VD_TEST_MAIN(VD_RUN(incidents_are_counted_by_hour_and_cause),
             VD_RUN(the_false_alarm_rate_is_told_by_camera_and_model_with_its_interval),
             VD_RUN(the_wilson_interval_is_that_of_the_books),
             VD_RUN(the_time_to_acknowledge_is_told_as_median_and_ninetieth_of_a_hundred),
             VD_RUN(uptime_is_what_windows_tell_and_silence_is_down),
             VD_RUN(a_table_is_told_as_csv_that_no_spreadsheet_takes_for_formulas))
