/* A changed rule over stored detections: what it gains and what it loses. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "history.h"
#include "vd/clock.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/test.h"
#include "vocabulary_stub_priv.h"

typedef struct {
    char dir[64];
} place;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void place_done(place *p)
{
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(place, place_done)

static void save(const place *p, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    expect_ok(vd_file_save(path, 0640, vd_slice_str(text), NULL));
}

/* An hour ago: one walks through the right half for 20 s, then one stands in the left for 20 s. */
static place yard_with_two_people(void)
{
    static const char *const classes[] = { "person" };
    static vd_vocabulary *kept;
    const vd_vocabulary *words = words_stub(&kept, 'c', classes, 1, 0.4f);
    place p = { .dir = "/tmp/vedette-replay-XXXXXX" };
    char dir[256];
    vd_history *history;
    expect_true(mkdtemp(p.dir) != NULL);
    snprintf(dir, sizeof dir, "%s/detections", p.dir);
    const vd_history_config config = { dir, 1u << 30, 86400000 };
    expect_ok(vd_history_open(&config, &history, NULL));
    int64_t start_us = vd_clock_utc_us() - 3600000000ll;
    for (int i = 0; i < 600; i++) {
        float x = i < 200 ? 0.6f + 0.001f * (float)i : 0.2f;
        vd_detections seen = { .count = i < 200 || i >= 300 ? i < 500 : 0 };
        seen.item[0] =
            (vd_detection){ .box = { x, 0.4f, 0.06f, 0.3f }, .score = 0.8f, .parent = -1 };
        vd_history_seen(history, "yard", &seen, words, start_us + i * 100000ll);
    }
    vd_history_free(history);
    return p;
}

static int run(const place *p, const char *arguments, vd_buf *ret_out)
{
    char command[1024], part[4096];
    const char *build = getenv("VEDETTE_BUILD_ROOT");
    snprintf(command, sizeof command,
             "%s/cli/vedette rules replay %s/after.yaml --detections %s/detections %s 2>&1",
             build ? build : ".", p->dir, p->dir, arguments);
    FILE *pipe = popen(command, "re");
    expect_true(pipe != NULL);
    size_t got;
    while ((got = fread(part, 1, sizeof part, pipe)) > 0)
        expect_true(vd_buf_add(ret_out, vd_slice_of(part, got)));
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define ZONE(id, from, until)                                                                      \
    "- {id: " id ", kind: zone, classes: [person], points: [[" from ",0],[" until ",0],[" until    \
    ",1],[" from ",1]]}\n"
#define RIGHT ZONE("watch", "0.5", "1")
#define LEFT  ZONE("watch", "0", "0.5")
#define ALL   ZONE("watch", "0", "1")

static int64_t count_of(const vd_json *root, const char *name)
{
    return vd_json_int(vd_json_get(root, name), -1);
}

// covers: RULE-7
VD_TEST(a_changed_rule_shows_the_alarms_it_gains_and_loses)
{
    VD_AUTO(place) p = yard_with_two_people();
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    VD_AUTO(vd_json_ptr) root = NULL;
    char against[128];
    save(&p, "before.yaml", RIGHT);
    save(&p, "after.yaml", LEFT);
    snprintf(against, sizeof against, "--json --against %s/before.yaml", p.dir);
    expect_i64(run(&p, against, &out), 0);
    expect_ok(vd_json_parse(vd_buf_slice(&out), 1 << 20, 8, &root, NULL));
    expect_i64(count_of(root, "pictures"), 600);
    expect_i64(count_of(root, "before"), 1);
    expect_i64(count_of(root, "after"), 1);
    expect_i64(count_of(root, "kept"), 0);
    const vd_json *gained = vd_json_at(vd_json_get(root, "gained"), 0);
    expect_u64(vd_json_len(vd_json_get(root, "gained")), 1);
    expect_u64(vd_json_len(vd_json_get(root, "lost")), 1);
    expect_str(vd_json_text(vd_json_get(gained, "camera"), ""), "yard");
    expect_str(vd_json_text(vd_json_get(gained, "rule"), ""), "watch");
}

// covers: RULE-7
VD_TEST(a_wider_rule_keeps_what_the_old_one_said)
{
    VD_AUTO(place) p = yard_with_two_people();
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    char against[128];
    save(&p, "before.yaml", RIGHT);
    save(&p, "after.yaml", ALL);
    snprintf(against, sizeof against, "--against %s/before.yaml", p.dir);
    expect_i64(run(&p, against, &out), 0);
    expect_true(strstr(out.data, "1 alarm(s) before, 2 after; 1 gained, 0 lost, 1 kept") != NULL);
    expect_true(strstr(out.data, "+ ") != NULL);
}

/* An hour ago, for a minute: a person, at whom a cascade looked in two pictures of ten. */
static place hall_with_a_person(bool helmet)
{
    static const char *const classes[] = { "person", "helmet" };
    static vd_vocabulary *kept;
    const vd_vocabulary *words = words_stub(&kept, 'd', classes, 2, 0.4f);
    place p = { .dir = "/tmp/vedette-replay-XXXXXX" };
    char dir[256];
    vd_history *history;
    expect_true(mkdtemp(p.dir) != NULL);
    snprintf(dir, sizeof dir, "%s/detections", p.dir);
    const vd_history_config config = { dir, 1u << 30, 86400000 };
    expect_ok(vd_history_open(&config, &history, NULL));
    int64_t start_us = vd_clock_utc_us() - 3600000000ll;
    for (int i = 0; i < 600; i++) {
        bool turn = i % 10 < 2;
        vd_detections seen = { .count = turn && helmet ? 2 : 1, .cascade_count = 1 };
        seen.cascade[0] = (vd_class_range){ 1, 1 };
        seen.item[0] = (vd_detection){ { 0.4f, 0.3f, 0.2f, 0.6f }, 0.8f, 0, -1 };
        seen.item[1] = (vd_detection){ { 0.46f, 0.32f, 0.08f, 0.08f }, 0.8f, 1, 0 };
        seen.item[0].passed_over = !turn;
        vd_history_seen(history, "hall", &seen, words, start_us + i * 100000ll);
    }
    vd_history_free(history);
    return p;
}

// covers: RULE-7
VD_TEST(who_was_not_looked_at_then_is_not_accused_now)
{
    for (int helmet = 0; helmet < 2; helmet++) {
        VD_AUTO(place) p = hall_with_a_person(helmet);
        VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
        save(&p, "after.yaml",
             "- {id: ppe, kind: equipment, classes: [person], points: [[0,0],[1,0],[1,1],[0,1]],\n"
             "   required: [{item: helmet, classes: [helmet], at: head}]}\n");
        expect_i64(run(&p, "", &out), 0);
        const char *said = helmet ? " 0 after;" : " 1 after;";
        expect_true(strstr(out.data, said) != NULL);
    }
}

VD_TEST(what_cannot_be_replayed_is_told_with_the_reason)
{
    VD_AUTO(place) p = yard_with_two_people();
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    save(&p, "after.yaml",
         "- {id: a, kind: zone, classes: [persn], points: [[0,0],[1,0],[1,1]]}\n");
    expect_true(run(&p, "", &out) != 0);
    expect_true(strstr(out.data, "'persn'") && strstr(out.data, "line 1"));
    expect_true(strstr(out.data, "did you mean 'person'") != NULL);
    vd_buf_clear(&out);
    save(&p, "after.yaml", ALL);
    expect_true(run(&p, "--camera gate", &out) != 0);
    expect_true(strstr(out.data, "nothing is stored of camera gate") != NULL);
    vd_buf_clear(&out);
    expect_true(run(&p, "--since yesterday", &out) != 0);
    expect_true(strstr(out.data, "12h") != NULL);
    vd_buf_clear(&out);
    expect_true(run(&p, "--since 10m", &out) == 0);
    expect_true(strstr(out.data, "0 pictures") != NULL);
}

VD_TEST_MAIN(VD_RUN(a_changed_rule_shows_the_alarms_it_gains_and_loses),
             VD_RUN(a_wider_rule_keeps_what_the_old_one_said),
             VD_RUN(who_was_not_looked_at_then_is_not_accused_now),
             VD_RUN(what_cannot_be_replayed_is_told_with_the_reason))
