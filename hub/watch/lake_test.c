#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

#include "scene.h"
#include "vd/clock.h"
#include "watch.h"

static const vd_sql *const tables[] = { intake_sql,  incident_sql, people_sql,
                                        archive_sql, watch_sql,    NULL };

/* ---- reading a lake back, as any reader would: every file under a kind, every line ---- */

typedef struct {
    unsigned files, lines;
    vd_json *line[64];
} lines;

static void lines_done(lines *l)
{
    for (unsigned i = 0; i < l->lines && i < VD_COUNT_OF(l->line); i++) vd_json_free(l->line[i]);
}
VD_AUTO_DEFINE(lines, lines_done)

static void read_file(const char *path, lines *into)
{
    static char text[1 << 20];
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    into->files++;
    while (gzgets(file, text, sizeof text)) {
        vd_json *root = NULL;
        expect_ok(vd_json_parse(vd_slice_str(text), sizeof text, 32, &root, NULL));
        if (into->lines < VD_COUNT_OF(into->line))
            into->line[into->lines] = root;
        else
            vd_json_free(root);
        into->lines++;
    }
    expect_i64(gzclose(file), Z_OK);
}

static void read_tree(const char *path, lines *into)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char at[512];
        struct stat st;
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(at, sizeof at, "%.250s/%.250s", path, entry->d_name);
        expect_i64(stat(at, &st), 0);
        if (S_ISDIR(st.st_mode))
            read_tree(at, into);
        else
            read_file(at, into);
    }
    if (dir) closedir(dir);
}

typedef struct {
    char path[128];
    vd_lake_config config;
} lake;

static lake lake_of(const scene *s)
{
    lake l = { .path = "" };
    (void)snprintf(l.path, sizeof l.path, "%s/lake", s->dir);
    return l;
}

static lines read_kind(const lake *l, const char *kind)
{
    lines found = { 0 };
    char path[256];
    (void)snprintf(path, sizeof path, "%s/kind=%s", l->path, kind);
    read_tree(path, &found);
    return found;
}

static vd_lake_batch write_once(scene *s, lake *l)
{
    vd_lake_batch batch = { .last = 0 };
    vd_why why = { 0 };
    l->config = (vd_lake_config){ .path = l->path, .site = "Test yard", .every_ms = 1000 };
    vd_err err = vd_lake_write(s->store, &l->config, &batch, &why);
    if (err) print_error("%s: %s\n", why.fact, why.detail);
    expect_ok(err);
    return batch;
}

static void write_all(scene *s, lake *l)
{
    for (;;) {
        vd_lake_batch batch = write_once(s, l);
        if (!batch.last) return;
        expect_ok(vd_lake_done(s->store, &batch, NULL));
    }
}

// covers: CIR-11
VD_TEST(what_is_in_the_store_is_in_the_lake_in_one_folder_a_kind_site_and_day)
{
    VD_AUTO(scene) s = scene_open(tables);
    lake l = lake_of(&s);
    char path[400];
    struct stat st;
    for (unsigned i = 0; i < 20; i++) {
        vd_event e = scene_event(i * 7200, i * 7200 + 5);
        (void)scene_take(&s, &e);
    }
    write_all(&s, &l);
    VD_AUTO(lines) events = read_kind(&l, "event");
    VD_AUTO(lines) incidents = read_kind(&l, "incident");
    expect_u64(events.lines, 20);
    expect_u64(incidents.lines, 20);
    expect_true(events.files >= 2); /* forty hours are two or three days */
    (void)snprintf(path, sizeof path, "%s/kind=event/site=Test%%20yard/date=2023-11-15", l.path);
    expect_i64(stat(path, &st), 0);
    expect_true(scene_text(events.line[0], "id")[0] != '(');
    expect_true(scene_text(events.line[0], "incident")[0] != '(');
    expect_str(scene_text(incidents.line[0], "title"), "person in \"gate\"");
}

VD_TEST(a_hub_that_dies_before_it_remembers_writes_the_same_files_again)
{
    VD_AUTO(scene) s = scene_open(tables);
    lake l = lake_of(&s);
    vd_event first = scene_event(0, 5), second = scene_event(1000, 1005);
    (void)scene_take(&s, &first);
    vd_lake_batch lost = write_once(&s, &l);
    expect_true(lost.last > 0);
    (void)scene_take(&s, &second); /* after the files, before the hub comes again */
    write_all(&s, &l);
    VD_AUTO(lines) events = read_kind(&l, "event");
    expect_u64(events.lines, 2);
    expect_u64(events.files, 1);
    write_all(&s, &l);
    VD_AUTO(lines) again = read_kind(&l, "event");
    expect_u64(again.lines, 2);
}

VD_TEST(a_change_comes_as_one_more_line_with_a_higher_version)
{
    VD_AUTO(scene) s = scene_open(tables);
    lake l = lake_of(&s);
    vd_event e = scene_event(0, 0);
    vd_incident_outcome outcome = scene_take(&s, &e);
    write_all(&s, &l);
    e.revision = 2;
    e.phase = "end";
    e.end_utc_us = e.update_utc_us = e.start_utc_us + 5 * S;
    (void)scene_take(&s, &e);
    write_all(&s, &l);
    VD_AUTO(lines) incidents = read_kind(&l, "incident");
    expect_u64(incidents.lines, 2);
    int64_t most = 0;
    for (unsigned i = 0; i < incidents.lines; i++) {
        int64_t version = vd_json_int(vd_json_get(incidents.line[i], "version"), 0);
        expect_str(scene_text(incidents.line[i], "id"), outcome.incident.text);
        if (version > most) most = version;
    }
    expect_i64(most, 2);
}

VD_TEST(without_a_lake_nothing_piles_up)
{
    VD_AUTO(scene) s = scene_open(tables);
    lake l = lake_of(&s);
    vd_event e = scene_event(0, 5);
    (void)scene_take(&s, &e);
    expect_ok(vd_lake_drop(s.store, NULL));
    expect_i64(write_once(&s, &l).last, 0);
}

VD_TEST(a_lake_that_cannot_be_written_says_why_and_loses_nothing)
{
    VD_AUTO(scene) s = scene_open(tables);
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    lake l = lake_of(&s);
    vd_why why = { 0 };
    vd_lake_batch batch = { .last = 0 };
    vd_event e = scene_event(0, 5);
    (void)scene_take(&s, &e);
    FILE *file = fopen(l.path, "we"); /* a file where the folder should be */
    assert_non_null(file);
    (void)fclose(file);
    vd_lake_config config = { .path = l.path, .site = "x", .every_ms = 1000 };
    expect_true(vd_lake_write(s.store, &config, &batch, &why) != VD_OK);
    expect_true(why.fact[0] != '\0');
    expect_ok(vd_lake_failed(s.store, why.fact, NULL));
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    expect_ok(vd_lake_write_state(s.store, &config, &w, NULL));
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    assert_non_null(strstr(text.data, "\"why\":"));
    expect_i64(remove(l.path), 0);
    write_all(&s, &l);
    VD_AUTO(lines) events = read_kind(&l, "event");
    expect_u64(events.lines, 1);
}

VD_TEST_MAIN(VD_RUN(what_is_in_the_store_is_in_the_lake_in_one_folder_a_kind_site_and_day),
             VD_RUN(a_hub_that_dies_before_it_remembers_writes_the_same_files_again),
             VD_RUN(a_change_comes_as_one_more_line_with_a_higher_version),
             VD_RUN(without_a_lake_nothing_piles_up),
             VD_RUN(a_lake_that_cannot_be_written_says_why_and_loses_nothing))
