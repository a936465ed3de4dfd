/* scene_testing_priv.h - pictures for the tests of rules: things that stand and walk, and what was
 * told about them. play_of needs model_stub_priv.h. */
#ifndef VD_SCENE_TESTING_PRIV_H
#define VD_SCENE_TESTING_PRIV_H
#include "rules.h"
#include "vd/test.h"

#define FRAME_US 100000
#define START_US 1700000000000000

typedef struct {
    vd_scene *scene;
    vd_rule rule;
    int64_t utc_us;
    float score, height;
    uint16_t class_id;
    vd_detections seen; /* of the picture that is being made */

    unsigned begins, betters, ends; /* facts so far */
    vd_fact last_begin, last_better, last_end;
    vd_fact_property said_begin[VD_PROPERTIES_MAX], said_better[VD_PROPERTIES_MAX],
        said_end[VD_PROPERTIES_MAX];
} play;

static inline play play_with(vd_rule rule, const vd_vocabulary *words)
{
    play p = { .rule = rule, .utc_us = START_US, .score = 0.8f, .height = 0.2f };
    expect_ok(vd_scene_new(&p.rule, 1, words, &p.scene));
    return p;
}

#define play_of(rule) play_with(rule, STUB_MODEL)

static inline void play_done(play *p)
{
    p->scene = vd_scene_free(p->scene);
}
VD_AUTO_DEFINE(play, play_done)

static inline void keep_fact(vd_fact *into, vd_fact_property *said, const vd_fact *fact)
{
    *into = *fact;
    if (fact->property_count) memcpy(said, fact->properties, fact->property_count * sizeof *said);
    into->properties = said;
}

static inline void take(play *p, const vd_fact *facts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const vd_fact *fact = &facts[i];
        if (fact->phase == VD_FACT_BEGIN) keep_fact(&p->last_begin, p->said_begin, fact);
        if (fact->phase == VD_FACT_BETTER) keep_fact(&p->last_better, p->said_better, fact);
        if (fact->phase == VD_FACT_END) keep_fact(&p->last_end, p->said_end, fact);
        p->begins += fact->phase == VD_FACT_BEGIN;
        p->betters += fact->phase == VD_FACT_BETTER;
        p->ends += fact->phase == VD_FACT_END;
    }
}

static inline const char *said(const vd_fact *fact, const char *name)
{
    for (unsigned i = 0; i < fact->property_count; i++)
        if (strcmp(fact->properties[i].name, name) == 0) return fact->properties[i].value;
    return "(nothing)";
}

/* One more thing in the picture, its foot at a point. */
static inline void put(play *p, vd_point foot, float width, float height, uint16_t class_id,
                       float score)
{
    p->seen.item[p->seen.count++] =
        (vd_detection){ .box = { foot.x - width / 2, foot.y - height, width, height },
                        .score = score,
                        .class_id = class_id,
                        .parent = -1 };
}

/* The picture is whole: it is looked at. */
static inline void show(play *p)
{
    const vd_fact *facts;
    unsigned count;
    p->utc_us += FRAME_US;
    vd_scene_step(p->scene, &p->seen, p->utc_us, &facts, &count);
    take(p, facts, count);
    p->seen.count = 0;
}

static inline void stand(play *p, vd_point at, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        put(p, at, 0.06f, p->height, p->class_id, p->score);
        show(p);
    }
}

static inline void walk(play *p, vd_point from, vd_point to, int pictures)
{
    for (int i = 0; i < pictures; i++) {
        float s = (float)i / (float)(pictures - 1);
        stand(p, (vd_point){ from.x + s * (to.x - from.x), from.y + s * (to.y - from.y) }, 1);
    }
}

static inline void nobody(play *p, int pictures)
{
    for (int i = 0; i < pictures; i++) show(p);
}
#endif
