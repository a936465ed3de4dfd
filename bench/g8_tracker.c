/* g8_tracker FILE - the crowd of bench/crowd.py through tracker and eight polygon zones. Prints the
 * processor time a picture of this one thread, and how well it tracked: how often a person's track
 * changed its id, how many of the seen persons had one, how many visits were told. */
#include <string.h>
#include <time.h>

#include "bench.h"
#include "rules.h"

#define ZONES      8
#define PEOPLE_MAX VD_TRACKS_MAX
#define PICTURE_US 40000
#define START_US   1700000000000000

typedef struct {
    float picture, l, t, w, h, score, who;
} row;

typedef struct {
    vd_scene *scene;
    uint32_t id_of[PEOPLE_MAX];
    unsigned pictures, switches, followed, seen, visits;
    double step_us;
} run;

/* Two rows of four hexagons over the whole picture, each with a dent. */
static void zone(unsigned number, vd_rule *rule)
{
    float x = 0.25f * (float)(number % 4), y = number < 4 ? 0.1f : 0.55f;
    const vd_point shape[] = { { 0.01f, 0.05f }, { 0.12f, 0.0f },  { 0.24f, 0.05f },
                               { 0.24f, 0.40f }, { 0.12f, 0.36f }, { 0.01f, 0.40f } };
    *rule = (vd_rule){ .kind = VD_RULE_ZONE,
                       .point_count = sizeof shape / sizeof shape[0],
                       .class_name = { "person" },
                       .class_count = 1,
                       .score_min = 0.3f,
                       .dwell_ms = 500,
                       .leave_ms = 1000,
                       .in_zone = { VD_WHEN_INSIDE, -1, -1 } };
    snprintf(rule->id, sizeof rule->id, "zone-%u", number);
    for (unsigned i = 0; i < rule->point_count; i++)
        rule->point[i] = (vd_point){ x + shape[i].x, y + shape[i].y };
}

static double thread_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void judge(run *r, const row *rows)
{
    const vd_track *tracks;
    unsigned count;
    vd_scene_tracks(r->scene, &tracks, &count);
    for (unsigned i = 0; i < count; i++) {
        if (!tracks[i].seen) continue;
        unsigned who = (unsigned)rows[tracks[i].detection].who;
        r->followed++;
        r->switches += r->id_of[who] != 0 && r->id_of[who] != tracks[i].id;
        r->id_of[who] = tracks[i].id;
    }
}

static void picture(run *r, const row *rows, unsigned count)
{
    static vd_detections boxes;
    const vd_fact *facts;
    unsigned fact_count;
    boxes.count = count;
    for (unsigned i = 0; i < count; i++)
        boxes.item[i] = (vd_detection){ .box = { rows[i].l, rows[i].t, rows[i].w, rows[i].h },
                                        .score = rows[i].score };
    double before = thread_us();
    vd_scene_step(r->scene, &boxes, START_US + (int64_t)r->pictures++ * PICTURE_US, &facts,
                  &fact_count);
    r->step_us += thread_us() - before;
    for (unsigned i = 0; i < fact_count; i++) r->visits += facts[i].phase == VD_FACT_BEGIN;
    r->seen += count;
    judge(r, rows);
}

int main(int argc, char **argv)
{
    static run r;
    static row rows[VD_DETECTIONS_MAX + 1];
    static vd_rule rules[ZONES];
    static const char *const classes[] = { "person" };
    const vd_vocabulary_part part = {
        .id = "main", .name = "bench", .score_min = 0.5f, .classes = classes, .class_count = 1
    };
    vd_vocabulary *words;
    vd_why why = { 0 };
    unsigned count = 0;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

    if (!file) return 1;
    for (unsigned i = 0; i < ZONES; i++) zone(i, &rules[i]);
    bench_need(vd_vocabulary_new(&part, 1, &words), &why);
    bench_need(vd_scene_new(rules, ZONES, words, &r.scene), &why);
    while (count < VD_DETECTIONS_MAX && fread(&rows[count], sizeof *rows, 1, file) == 1) {
        if (rows[count].who < 0 || rows[count].who >= PEOPLE_MAX) return 1;
        if (rows[count].picture > rows[0].picture) {
            picture(&r, rows, count);
            rows[0] = rows[count];
            count = 0;
        }
        count++;
    }
    picture(&r, rows, count);
    fclose(file);
    vd_scene_free(r.scene);
    vd_vocabulary_free(words);
    printf("{\"us\":%.2f,\"pictures\":%u,\"seen\":%u,\"followed\":%u,\"switches\":%u,"
           "\"visits\":%u}\n",
           r.step_us / r.pictures, r.pictures, r.seen, r.followed, r.switches, r.visits);
    return 0;
}
