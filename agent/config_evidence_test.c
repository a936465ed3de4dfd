#include "agent_config.h"
#include "vd/test.h"

static vd_err read_text(const char *yaml, agent_config *ret_config, vd_why *why)
{
    return agent_config_parse(vd_slice_str(yaml), "agent.yaml", ret_config, why);
}

// covers: REC-1
VD_TEST(a_clip_begins_before_its_event_or_after_it_and_never_without_end)
{
    static const struct {
        const char *yaml, *said;
    } bad[] = {
        { "evidence: {delay: 5s, pre_roll: 2s}", "both before and after" },
        { "evidence: {delay: 5s, post_roll: 0s}", "no clip" },
        { "evidence: {delay: 2m}", "delay" },
    };
    VD_AUTO(agent_config) config = { 0 };
    expect_ok(read_text("evidence: {delay: 10s}\n", &config, NULL));
    expect_i64(config.delay_ms, 10000);
    expect_i64(config.pre_roll_ms, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        VD_AUTO(agent_config) none = { 0 };
        vd_why why = { 0 };
        expect_err(read_text(bad[i].yaml, &none, &why), VD_INVALID);
        assert_non_null(strstr(why.fact, bad[i].said));
    }
}

VD_TEST_MAIN(VD_RUN(a_clip_begins_before_its_event_or_after_it_and_never_without_end))
