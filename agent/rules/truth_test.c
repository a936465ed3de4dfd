/* The published boxes of a real yard, given as detections with and without noise: how many of them
 * keep their published identity. Counts as skipped without the test kit. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "model_stub_priv.h"
#include "rules.h"
#include "vd/test.h"

#define FRAMES     400
#define PEOPLE     64 /* published identities are small numbers */
#define WIDTH      768.0f
#define HEIGHT     576.0f
#define PICTURE_US (1000000 / 7) /* the yard was filmed at 7 pictures a second */

typedef struct {
    unsigned count;
    int id[40];
    vd_box box[40];
} truth_frame;
static truth_frame truth[FRAMES + 1];

static bool read_truth(void)
{
    const char *kit = getenv("VEDETTE_KIT"), *root = getenv("VEDETTE_SOURCE_ROOT");
    char path[4096];
    if (kit)
        snprintf(path, sizeof path, "%s/truth/vtest_1-400.mot.txt", kit);
    else
        snprintf(path, sizeof path, "%s/../shared/kit/truth/vtest_1-400.mot.txt",
                 root ? root : ".");
    FILE *file = fopen(path, "r");
    if (!file) return false;
    int frame, id;
    float l, t, w, h;
    while (fscanf(file, "%d,%d,%f,%f,%f,%f,%*[^\n]", &frame, &id, &l, &t, &w, &h) == 6) {
        if (frame < 1 || frame > FRAMES || truth[frame].count == 40) continue;
        truth_frame *f = &truth[frame];
        f->id[f->count] = id;
        f->box[f->count++] = (vd_box){ l / WIDTH, t / HEIGHT, w / WIDTH, h / HEIGHT };
    }
    fclose(file);
    return true;
}

static float noise(void)
{
    return (float)rand() / (float)RAND_MAX * 2 - 1;
}

static vd_detections detections_of(const truth_frame *f, float jitter, float missing,
                                   int truth_of[VD_DETECTIONS_MAX])
{
    vd_detections seen = { 0 };
    for (unsigned i = 0; i < f->count; i++) {
        vd_box box = f->box[i];
        if ((noise() + 1) / 2 < missing) continue;
        box.l += noise() * jitter * box.w;
        box.t += noise() * jitter * box.h;
        box.w *= 1 + noise() * jitter;
        box.h *= 1 + noise() * jitter;
        truth_of[seen.count] = f->id[i];
        seen.item[seen.count++] =
            (vd_detection){ .box = box, .score = jitter > 0 ? 0.55f + 0.35f * noise() : 0.9f };
    }
    return seen;
}

/* The share of published boxes that carry their person's longest track. */
static double run(float jitter, float missing, const char *tracks_path)
{
    static unsigned held[PEOPLE][512];
    unsigned total = 0, right = 0;
    FILE *out = tracks_path ? fopen(tracks_path, "w") : NULL;
    vd_scene *scene;
    memset(held, 0, sizeof held);
    srand(11);
    expect_ok(vd_scene_new(NULL, 0, STUB_MODEL, &scene));
    for (int n = 1; n <= FRAMES; n++) {
        int truth_of[VD_DETECTIONS_MAX];
        vd_detections seen = detections_of(&truth[n], jitter, missing, truth_of);
        const vd_fact *facts;
        const vd_track *tracks;
        unsigned count;
        vd_scene_step(scene, &seen, 1000000ll + n * (int64_t)PICTURE_US, &facts, &count);
        vd_scene_tracks(scene, &tracks, &count);
        for (unsigned i = 0; i < count; i++) {
            const vd_track *t = &tracks[i];
            if (!t->seen) continue;
            held[truth_of[t->detection] % PEOPLE][t->id % 512]++;
            if (out)
                fprintf(out, "%d,%u,%.2f,%.2f,%.2f,%.2f,1,-1,-1,-1\n", n, t->id, t->box.l * WIDTH,
                        t->box.t * HEIGHT, t->box.w * WIDTH, t->box.h * HEIGHT);
        }
        total += seen.count;
    }
    vd_scene_free(scene);
    if (out) fclose(out);
    for (unsigned p = 0; p < PEOPLE; p++) {
        unsigned most = 0;
        for (unsigned t = 0; t < 512; t++) most = held[p][t] > most ? held[p][t] : most;
        right += most;
    }
    print_message("jitter %.2f, missing %.2f: %.3f of %u boxes\n", (double)jitter, (double)missing,
                  (double)right / total, total);
    return (double)right / total;
}

// covers: RULE-1
VD_TEST(people_of_a_real_yard_keep_their_identities)
{
    expect_true(run(0, 0, getenv("VEDETTE_TRACKS_OUT")) > 0.90);
    expect_true(run(0.08f, 0.1f, NULL) > 0.75);
}

#define LINE_FROM_X 0.15f
#define LINE_FROM_Y 0.75f
#define LINE_TO_X   0.80f
#define LINE_TO_Y   0.35f

typedef struct {
    unsigned clockwise, counterclockwise;
} crossings;

/* By hand: each published person's feet, from one clear side of the line to the other. */
static crossings published_crossings(void)
{
    crossings all = { 0 };
    for (int person = 0; person < PEOPLE; person++) {
        int side = 0;
        float from_x = 0;
        for (int n = 1; n <= FRAMES; n++) {
            for (unsigned i = 0; i < truth[n].count; i++) {
                const vd_box *b = &truth[n].box[i];
                if (truth[n].id[i] != person) continue;
                float x = b->l + b->w / 2, y = fminf(b->t + b->h, 1);
                float along = LINE_TO_X - LINE_FROM_X, down = LINE_TO_Y - LINE_FROM_Y;
                float off = (y - LINE_FROM_Y - (x - LINE_FROM_X) * down / along) / b->h;
                if (fabsf(off) < 0.08f) continue;
                int now = off > 0 ? 1 : -1;
                float at_x = (x + from_x) / 2; /* about where it was cut */
                bool cut = side && now != side && at_x > LINE_FROM_X && at_x < LINE_TO_X;
                all.clockwise += cut && now > 0;
                all.counterclockwise += cut && now < 0;
                side = now;
                from_x = x;
            }
        }
    }
    return all;
}

static crossings found_crossings(float jitter, float missing)
{
    vd_rule line = { .kind = VD_RULE_LINE,
                     .id = "path",
                     .zone = "path",
                     .point = { { LINE_FROM_X, LINE_FROM_Y }, { LINE_TO_X, LINE_TO_Y } },
                     .point_count = 2,
                     .class_name = { "person" },
                     .class_count = 1,
                     .score_min = 0.3f };
    crossings all = { 0 };
    vd_scene *scene;
    srand(11);
    expect_ok(vd_scene_new(&line, 1, STUB_MODEL, &scene));
    for (int n = 1; n <= FRAMES; n++) {
        int truth_of[VD_DETECTIONS_MAX];
        vd_detections seen = detections_of(&truth[n], jitter, missing, truth_of);
        const vd_fact *facts;
        unsigned count;
        vd_scene_step(scene, &seen, 1000000ll + n * (int64_t)PICTURE_US, &facts, &count);
        for (unsigned i = 0; i < count; i++) {
            bool clockwise = strcmp(facts[i].properties[0].value, "clockwise") == 0;
            all.clockwise += facts[i].phase == VD_FACT_BEGIN && clockwise;
            all.counterclockwise += facts[i].phase == VD_FACT_BEGIN && !clockwise;
        }
    }
    vd_scene_free(scene);
    print_message("jitter %.2f: %u clockwise, %u counterclockwise\n", (double)jitter, all.clockwise,
                  all.counterclockwise);
    return all;
}

// covers: RULE-2
VD_TEST(a_line_across_a_real_yard_counts_who_went_through)
{
    crossings told = published_crossings(), clean = found_crossings(0, 0);
    crossings noisy = found_crossings(0.08f, 0.1f);
    print_message("published: %u clockwise, %u counterclockwise\n", told.clockwise,
                  told.counterclockwise);
    expect_true(told.clockwise + told.counterclockwise >= 8);
    expect_u64(clean.clockwise, told.clockwise);
    expect_u64(clean.counterclockwise, told.counterclockwise);
    expect_true(abs((int)noisy.clockwise - (int)told.clockwise) <= 2);
    expect_true(abs((int)noisy.counterclockwise - (int)told.counterclockwise) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { VD_RUN(people_of_a_real_yard_keep_their_identities),
                                        VD_RUN(a_line_across_a_real_yard_counts_who_went_through) };
    if (!read_truth()) return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
