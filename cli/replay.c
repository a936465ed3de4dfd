/* replay.c - vedette rules replay: what changed rules would have said of the last days. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli_priv.h"
#include "history.h"
#include "rules.h"
#include "vd/clock.h"

#define RULES_MAX  64
#define ALARMS_MAX 65536
#define SLACK_US   2000000 /* how far apart the same alarm may begin and end in both */

typedef struct {
    char camera[40];
    char rule[VD_RULE_ID_MAX + 1];
    char what[160]; /* the properties, in words */
    uint64_t visit;
    int64_t start_us, end_us;
    bool open, matched;
} alarm;

/* One set of rules, and what it says. */
typedef struct {
    const vd_config_node *list; /* borrowed */
    vd_rule rule[RULES_MAX];
    unsigned rule_count;
    vd_scene *scene;
    alarm *alarm;
    size_t count;
    bool full;
} side;

typedef struct {
    cli *c;
    side before, after;
    vd_arming arming;
    char camera[40];
    uint64_t pictures;
    unsigned cameras;
    vd_vocabulary_model model; /* whose words the scenes know; digest only */
    unsigned word_count;
} replay;

/* ---- rules ---- */

static const vd_config_node *list_of(const vd_config *config, const char *camera)
{
    const vd_config_node *root = vd_config_root(config);
    const vd_config_node *rules = vd_config_is_map(root) ? vd_config_get(root, "rules") : NULL;
    if (rules) root = rules;
    return vd_config_is_map(root) ? vd_config_get(root, camera) : root;
}

static bool names(const vd_config_node *rule, const char *camera)
{
    const vd_config_node *many = vd_config_get(rule, "cameras");
    const char *one = NULL;
    if (vd_config_text(rule, "camera", &one, NULL)) return false;
    if (!many && !one) return true;
    if (one && strcmp(one, camera) == 0) return true;
    for (size_t i = 0; i < vd_config_len(many); i++)
        if (!vd_config_text(vd_config_at(many, i), NULL, &one, NULL) && strcmp(one, camera) == 0)
            return true;
    return false;
}

static vd_err read_rules(const vd_config *config, const char *camera, const vd_vocabulary *words,
                         side *s, vd_why *why)
{
    const vd_config_node *list = config ? list_of(config, camera) : NULL;
    vd_err err = VD_OK;
    s->rule_count = 0;
    for (size_t i = 0; !err && i < vd_config_len(list); i++) {
        const vd_config_node *node = vd_config_at(list, i);
        if (!names(node, camera)) continue;
        if (s->rule_count == RULES_MAX)
            return vd_config_fail(node, why, "there are more than %d rules", RULES_MAX);
        err = vd_rule_read(node, words, &s->rule[s->rule_count++], why);
    }
    return err;
}

/* ---- alarms ---- */

static void describe(alarm *a, const vd_fact *fact)
{
    size_t len = 0;
    a->what[0] = '\0';
    for (unsigned i = 0; i < fact->property_count && len < sizeof a->what; i++) {
        int more = snprintf(a->what + len, sizeof a->what - len, "%s%s %s", i ? ", " : "",
                            fact->properties[i].name, fact->properties[i].value);
        if (more > 0) len += (size_t)more;
    }
}

static alarm *alarm_of(side *s, uint64_t visit)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->alarm[i].open && s->alarm[i].visit == visit) return &s->alarm[i];
    return NULL;
}

static void note(side *s, const char *camera, const vd_fact *fact)
{
    alarm *a = fact->phase == VD_FACT_BEGIN ? NULL : alarm_of(s, fact->visit);
    if (fact->phase == VD_FACT_BEGIN) {
        if (s->count == ALARMS_MAX) {
            s->full = true;
            return;
        }
        a = &s->alarm[s->count++];
        *a = (alarm){ .visit = fact->visit, .start_us = fact->entered_utc_us, .open = true };
        vd_slice_to_chars(vd_slice_str(camera), a->camera, sizeof a->camera);
        vd_slice_to_chars(vd_slice_str(fact->rule->id), a->rule, sizeof a->rule);
    }
    if (!a) return;
    a->end_us = fact->utc_us;
    describe(a, fact);
    if (fact->phase == VD_FACT_END) a->open = false;
}

static void note_all(side *s, const char *camera, const vd_fact *facts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) note(s, camera, &facts[i]);
}

static void side_close(side *s, const char *camera)
{
    const vd_fact *facts;
    unsigned count;
    if (!s->scene) return;
    vd_scene_close(s->scene, &facts, &count);
    note_all(s, camera, facts, count);
    s->scene = vd_scene_free(s->scene);
}

/* ---- pictures ---- */

typedef struct {
    replay *r;
    const vd_config *before, *after;
} reading;

/* Another camera, or a model that says other words: a new scene. */
static vd_err begin(reading *at, const char *camera, const vd_vocabulary *words, vd_why *why)
{
    replay *r = at->r;
    side_close(&r->before, r->camera);
    side_close(&r->after, r->camera);
    if (strcmp(r->camera, camera) != 0) r->cameras++;
    vd_slice_to_chars(vd_slice_str(camera), r->camera, sizeof r->camera);
    r->model = *vd_vocabulary_main(words);
    r->word_count = vd_vocabulary_count(words);
    vd_err err = read_rules(at->after, camera, words, &r->after, why);
    /* The old rules may name classes of an older model: they find nothing, which is no error. */
    if (!err) err = read_rules(at->before, camera, NULL, &r->before, why);
    if (!err) err = vd_scene_new(r->after.rule, r->after.rule_count, words, &r->after.scene);
    if (!err) err = vd_scene_new(r->before.rule, r->before.rule_count, words, &r->before.scene);
    return err;
}

static void step(replay *r, side *s, const vd_detections *detections, int64_t utc_us)
{
    const vd_fact *facts;
    unsigned count;
    vd_scene_set_profile(s->scene, vd_arming_at(&r->arming, utc_us));
    vd_scene_step(s->scene, detections, utc_us, &facts, &count);
    note_all(s, r->camera, facts, count);
}

static vd_err on_picture(void *ctx, const char *camera, const vd_detections *detections,
                         const vd_vocabulary *words, int64_t utc_us, vd_why *why)
{
    reading *at = ctx;
    replay *r = at->r;
    vd_err err = VD_OK;
    if (vd_stop_asked()) return vd_fail(why, VD_GONE, "stopped before the end");
    if (!r->after.scene || strcmp(r->camera, camera) != 0 ||
        r->word_count != vd_vocabulary_count(words) ||
        strcmp(r->model.digest.hex, vd_vocabulary_main(words)->digest.hex) != 0)
        err = begin(at, camera, words, why);
    if (err) return err;
    r->pictures++;
    step(r, &r->before, detections, utc_us);
    step(r, &r->after, detections, utc_us);
    return VD_OK;
}

/* ---- what changed ---- */

static bool same(const alarm *a, const alarm *b)
{
    return !b->matched && strcmp(a->camera, b->camera) == 0 && strcmp(a->rule, b->rule) == 0 &&
           a->start_us <= b->end_us + SLACK_US && b->start_us <= a->end_us + SLACK_US;
}

static size_t match(side *before, side *after)
{
    size_t kept = 0, from = 0;
    for (size_t i = 0; i < after->count; i++) {
        /* Both are by camera and time; what ended long ago is not looked at again. */
        while (from < before->count && before->alarm[from].matched) from++;
        for (size_t j = from; j < before->count; j++) {
            if (!same(&after->alarm[i], &before->alarm[j])) continue;
            after->alarm[i].matched = before->alarm[j].matched = true;
            kept++;
            break;
        }
    }
    return kept;
}

static void print_json(const replay *r, size_t kept)
{
    VD_AUTO(vd_buf) text = VD_BUF(64u << 20);
    vd_json_w w = vd_json_writer(&text);
    const side *sides[] = { &r->after, &r->before };
    static const char *const keys[] = { "gained", "lost" };
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "pictures", (int64_t)r->pictures);
    vd_json_w_kv_int(&w, "cameras", r->cameras);
    vd_json_w_kv_int(&w, "before", (int64_t)r->before.count);
    vd_json_w_kv_int(&w, "after", (int64_t)r->after.count);
    vd_json_w_kv_int(&w, "kept", (int64_t)kept);
    for (unsigned k = 0; k < 2; k++) {
        vd_json_w_key(&w, keys[k]);
        vd_json_w_list(&w);
        for (size_t i = 0; i < sides[k]->count; i++) {
            const alarm *a = &sides[k]->alarm[i];
            if (a->matched) continue;
            vd_json_w_object(&w);
            vd_json_w_kv_text(&w, "camera", a->camera);
            vd_json_w_kv_text(&w, "rule", a->rule);
            vd_json_w_kv_time(&w, "start", a->start_us);
            vd_json_w_kv_time(&w, "end", a->end_us);
            vd_json_w_kv_text(&w, "what", a->what);
            vd_json_w_object_end(&w);
        }
        vd_json_w_list_end(&w);
    }
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) printf("%s\n", text.data);
}

static void print_side(const side *s, const char *sign)
{
    for (size_t i = 0; i < s->count; i++) {
        const alarm *a = &s->alarm[i];
        char at[32];
        time_t seconds = (time_t)(a->start_us / 1000000);
        struct tm local = { 0 };
        if (a->matched) continue;
        (void)localtime_r(&seconds, &local);
        if (!strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", &local)) at[0] = '\0';
        printf("%s %s  %s  %s  %.1f s  %s\n", sign, at, a->camera, a->rule,
               (double)(a->end_us - a->start_us) / 1e6, a->what);
    }
}

static void print_text(const replay *r, size_t kept)
{
    print_side(&r->after, "+");
    print_side(&r->before, "-");
    printf("%llu pictures of %u camera(s): %zu alarm(s) before, %zu after; %zu gained, %zu lost, "
           "%zu kept\n",
           (unsigned long long)r->pictures, r->cameras, r->before.count, r->after.count,
           r->after.count - kept, r->before.count - kept, kept);
    if (r->before.full || r->after.full)
        printf("more than %d alarms: the rest is not counted\n", ALARMS_MAX);
}

/* ---- the verb ---- */

static vd_err read_since(const cli *c, int64_t *ret_us, vd_why *why)
{
    const char *text = cli_option(c, "since");
    VD_AUTO(vd_config_ptr) config = NULL;
    int64_t ms = 3 * 86400000ll;
    vd_err err = VD_OK;
    if (text) err = vd_config_parse(vd_slice_str(text), "--since", &config, why);
    if (text && !err)
        err =
            vd_config_duration_ms(vd_config_root(config), NULL, 1000, 3650 * 86400000ll, &ms, why);
    if (err && why) vd_why_hint(why, "--since takes a duration such as 12h or 3d");
    *ret_us = vd_clock_utc_us() - ms * 1000;
    return err;
}

static vd_err load(const char *path, vd_config **ret_config, vd_why *why)
{
    return path ? vd_config_load(path, ret_config, why) : VD_OK;
}

static vd_err read_arming(replay *r, const vd_config *config, vd_why *why)
{
    const vd_config_node *root = vd_config_root(config);
    const char *zone = cli_option(r->c, "time-zone");
    if (!zone) zone = "UTC";
    if (vd_config_is_map(root) && vd_config_text(root, "time_zone", &zone, why)) return VD_INVALID;
    setenv("TZ", zone, 1);
    tzset();
    return vd_arming_read(vd_config_is_map(root) ? vd_config_get(root, "arming") : NULL, &r->arming,
                          why);
}

static vd_err work(replay *r, vd_why *why)
{
    VD_AUTO(vd_config_ptr) after = NULL;
    VD_AUTO(vd_config_ptr) before = NULL;
    reading at = { .r = r };
    int64_t from_us = 0;

    vd_err err = load(cli_argument(r->c, 0), &after, why);
    if (!err) err = load(cli_option(r->c, "against"), &before, why);
    if (!err) err = read_arming(r, after, why);
    if (!err) err = read_since(r->c, &from_us, why);
    const char *dir = cli_option(r->c, "detections");
    if (!dir) dir = "/var/lib/vedette/detections";
    at.after = after;
    at.before = before;
    if (!err)
        err = vd_history_read(dir, cli_option(r->c, "camera"), from_us, INT64_MAX, on_picture, &at,
                              why);
    side_close(&r->before, r->camera);
    side_close(&r->after, r->camera);
    return err;
}

vd_err run_rules_replay(cli *c, vd_why *why)
{
    replay *r = calloc(1, sizeof *r);
    vd_err err = r ? VD_OK : vd_fail(why, VD_FULL, "memory ends");
    if (!err) {
        r->c = c;
        r->before.alarm = calloc(ALARMS_MAX, sizeof(alarm));
        r->after.alarm = calloc(ALARMS_MAX, sizeof(alarm));
        if (!r->before.alarm || !r->after.alarm) err = vd_fail(why, VD_FULL, "memory ends");
    }
    if (!err) err = work(r, why);
    if (!err) {
        size_t kept = match(&r->before, &r->after);
        if (c->json)
            print_json(r, kept);
        else
            print_text(r, kept);
    }
    if (r) {
        free(r->before.alarm);
        free(r->after.alarm);
    }
    free(r);
    return err;
}
