#include "api_priv.h"
#include "hub_schema.h"
#include "scene.h"

static const vd_sql *const tables[] = { incident_sql, NULL };

typedef struct {
    scene scene;
    vd_committer *committer;
    vd_live *live;
} stage;

static stage stage_open(void)
{
    stage t = { .scene = scene_open(tables) };
    expect_ok(vd_committer_new(t.scene.store, 16, 16, &t.committer, NULL));
    t.scene.store = NULL; /* the committer's now */
    expect_ok(vd_live_new(t.committer, NULL, NULL, &t.live, NULL));
    return t;
}

static void stage_done(stage *t)
{
    vd_live_free(t->live);
    vd_committer_free(t->committer);
    scene_done(&t->scene);
}
VD_AUTO_DEFINE(stage, stage_done)

static const char *next_text(stream *s, char *into, size_t room)
{
    long len = stream_read(s, into, room - 1);
    if (len < 0) return NULL;
    into[len] = '\0';
    return into;
}

VD_TEST(a_stream_hears_what_was_told_after_it_opened_in_order)
{
    VD_AUTO(stage) t = stage_open();
    stream *s = NULL;
    char text[512];
    vd_live_tell(t.live, VD_LIVE_DEVICE, "before", 0);
    expect_ok(stream_open(t.live, &s));
    vd_live_tell(t.live, VD_LIVE_INCIDENT, "01A", 4);
    vd_live_tell(t.live, VD_LIVE_DEVICE, "yard", 0);

    expect_str(next_text(s, text, sizeof text), "retry: 2000\n: hello\n\n");
    expect_str(next_text(s, text, sizeof text),
               "event: incident\ndata: {\"type\":\"incident\",\"id\":\"01A\",\"version\":4}\n\n");
    expect_str(next_text(s, text, sizeof text),
               "event: device\ndata: {\"type\":\"device\",\"id\":\"yard\"}\n\n");
    stream_close(s);
}

typedef struct {
    vd_live *live;
    bool fails;
} job;

static vd_err tell_inside(vd_store *store, void *arg, vd_why *why)
{
    const job *j = arg;
    (void)store;
    vd_live_tell_later(j->live, VD_LIVE_INCIDENT, "01B", 2);
    return j->fails ? vd_fail(why, VD_INVALID, "no") : VD_OK;
}

// covers: API-1
VD_TEST(what_is_told_inside_a_commit_is_heard_after_it)
{
    VD_AUTO(stage) t = stage_open();
    stream *s = NULL;
    char text[512];
    job j = { .live = t.live };
    expect_ok(stream_open(t.live, &s));
    assert_non_null(next_text(s, text, sizeof text));

    expect_ok(vd_committer_run(t.committer, tell_inside, &j, NULL));

    assert_non_null(next_text(s, text, sizeof text));
    assert_non_null(strstr(text, "01B"));
    stream_close(s);
}

VD_TEST(a_listener_too_far_behind_is_cut_off_and_costs_nothing)
{
    VD_AUTO(stage) t = stage_open();
    stream *s = NULL, *fresh = NULL;
    char text[512];
    expect_ok(stream_open(t.live, &s));
    assert_non_null(next_text(s, text, sizeof text));
    for (int n = 0; n < VD_LIVE_RING; n++) vd_live_tell(t.live, VD_LIVE_DEVICE, "yard", 0);
    assert_non_null(next_text(s, text, sizeof text)); /* the ring just holds it */
    for (int n = 0; n < 2; n++) vd_live_tell(t.live, VD_LIVE_DEVICE, "yard", 0);

    expect_true(next_text(s, text, sizeof text) == NULL);
    stream_close(s);
    expect_ok(stream_open(t.live, &fresh));
    assert_non_null(next_text(fresh, text, sizeof text));
    stream_close(fresh);
}

// covers: API-1
VD_TEST(more_streams_than_allowed_are_refused_until_one_ends)
{
    VD_AUTO(stage) t = stage_open();
    stream *list[VD_LIVE_STREAMS], *more = NULL;
    for (int n = 0; n < VD_LIVE_STREAMS; n++) expect_ok(stream_open(t.live, &list[n]));
    expect_err(stream_open(t.live, &more), VD_FULL);
    stream_close(list[0]);
    expect_ok(stream_open(t.live, &list[0]));
    for (int n = 0; n < VD_LIVE_STREAMS; n++) stream_close(list[n]);
}

VD_TEST(closing_ends_every_stream_and_refuses_new_ones)
{
    VD_AUTO(stage) t = stage_open();
    stream *s = NULL, *late = NULL;
    char text[512];
    expect_ok(stream_open(t.live, &s));
    assert_non_null(next_text(s, text, sizeof text));

    vd_live_close(t.live);

    expect_true(next_text(s, text, sizeof text) == NULL);
    expect_err(stream_open(t.live, &late), VD_GONE);
    stream_close(s);
}

VD_TEST_MAIN(VD_RUN(a_stream_hears_what_was_told_after_it_opened_in_order),
             VD_RUN(what_is_told_inside_a_commit_is_heard_after_it),
             VD_RUN(a_listener_too_far_behind_is_cut_off_and_costs_nothing),
             VD_RUN(more_streams_than_allowed_are_refused_until_one_ends),
             VD_RUN(closing_ends_every_stream_and_refuses_new_ones))
