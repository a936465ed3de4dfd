/* Which profile is armed: the file's word, the hub's, and what is left of it at the next start. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/test.h"

#define NIGHT_US 1700000000000000 /* 22:13 in UTC */
#define NOON_US  1699963200000000

typedef struct {
    char dir[64];
    agent_config config;
    agent *agent;
} house;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void start(house *h)
{
    h->agent = calloc(1, sizeof *h->agent);
    expect_true(h->agent != NULL);
    pthread_mutex_init(&h->agent->lock, NULL);
    h->agent->config = &h->config;
    expect_ok(arming_open(h->agent, true, NULL));
}

static void stop(house *h)
{
    vd_history_free(h->agent->history);
    pthread_mutex_destroy(&h->agent->lock);
    free(h->agent);
    h->agent = NULL;
}

static house house_of(const char *yaml)
{
    house h = { .dir = "/tmp/vedette-arming-XXXXXX" };
    expect_true(mkdtemp(h.dir) != NULL);
    expect_ok(agent_config_parse(vd_slice_str(yaml), "agent.yaml", &h.config, NULL));
    return h;
}

static void house_done(house *h)
{
    if (h->agent) stop(h);
    agent_config_done(&h->config);
    nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
VD_AUTO_DEFINE(house, house_done)

static const char *armed(house *h, int64_t utc_us)
{
    static char profile[VD_PROFILE_ROOM];
    arming_now(h->agent, utc_us, profile);
    return profile;
}

#define HOURS "arming:\n  hours: {night: [daily 22:00-06:00]}\n"

// covers: RULE-2
VD_TEST(the_hub_arms_over_the_file_until_it_takes_its_word_back)
{
    VD_AUTO(house) h = house_of(HOURS);
    h.config.state_dir = h.dir;
    start(&h);
    expect_str(armed(&h, NIGHT_US), "night");
    expect_str(armed(&h, NOON_US), "");
    expect_ok(arming_wish(h.agent, VD_STR("{\"profile\":\"off\"}"), NULL));
    expect_str(armed(&h, NIGHT_US), "off");
    vd_why why = { 0 };
    expect_err(arming_wish(h.agent, VD_STR("{\"profil\":\"day\"}"), &why), VD_INVALID);
    expect_true(strstr(why.hint, "profile") != NULL);
    expect_str(armed(&h, NIGHT_US), "off"); /* what was wrong changed nothing */
    stop(&h);
    start(&h); /* without the hub: its last word holds */
    expect_str(armed(&h, NOON_US), "off");
    expect_ok(arming_wish(h.agent, VD_STR("{\"profile\":\"\"}"), NULL));
    expect_str(armed(&h, NIGHT_US), "night"); /* by the file's hours */
    expect_ok(arming_wish(h.agent, VD_STR("{\"hours\":{\"day\":[\"daily 06:00-20:00\"]}}"), NULL));
    expect_str(armed(&h, NOON_US), "day");
    expect_ok(arming_wish(h.agent, VD_STR("null"), NULL));
    expect_str(armed(&h, NOON_US), "");
}

/* What the twin is told, as JSON. */
static void expect_told(house *h, const char *json)
{
    VD_AUTO(vd_buf) text = VD_BUF(512);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    arming_members(h->agent, &w);
    vd_json_w_object_end(&w);
    expect_ok(vd_json_w_end(&w));
    expect_str(text.data, json);
}

// covers: RULE-2
VD_TEST(what_is_armed_and_who_said_so_is_told)
{
    VD_AUTO(house) h = house_of("arming: {profile: shift}\n");
    h.config.state_dir = h.dir;
    start(&h);
    expect_told(&h, "{\"profile\":\"shift\",\"profile_by\":\"file\"}");
    expect_ok(arming_wish(h.agent, VD_STR("{\"profile\":\"off\"}"), NULL));
    expect_told(&h, "{\"profile\":\"off\",\"profile_by\":\"hub\"}");
    stop(&h);
    start(&h);
    expect_told(&h, "{\"profile\":\"off\",\"profile_by\":\"hub\"}");
    expect_ok(arming_wish(h.agent, VD_STR("null"), NULL));
    expect_told(&h, "{\"profile\":\"shift\",\"profile_by\":\"file\"}");
}

VD_TEST(hours_are_meant_in_the_sites_zone)
{
    VD_AUTO(house) h = house_of("time_zone: Asia/Tokyo\n" HOURS);
    h.config.state_dir = h.dir;
    start(&h);
    expect_str(armed(&h, NIGHT_US), ""); /* 07:13 there */
    expect_str(armed(&h, NOON_US + 3600000000ll), "night");
}

VD_TEST(a_zone_that_is_not_known_is_refused_with_its_line)
{
    agent_config config;
    vd_why why = { 0 };
    expect_err(agent_config_parse(VD_STR("time_zone: Mars/Olympus\n"), "agent.yaml", &config, &why),
               VD_INVALID);
    expect_true(strstr(why.fact, "Mars/Olympus") && strstr(why.detail, "line 1"));
    expect_true(strstr(why.hint, "Europe/Berlin") != NULL);
}

VD_TEST_MAIN(VD_RUN(the_hub_arms_over_the_file_until_it_takes_its_word_back),
             VD_RUN(what_is_armed_and_who_said_so_is_told),
             VD_RUN(hours_are_meant_in_the_sites_zone),
             VD_RUN(a_zone_that_is_not_known_is_refused_with_its_line))
