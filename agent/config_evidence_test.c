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

// covers: INF-5 INF-3
VD_TEST(a_model_of_a_line_up_is_a_file_or_a_scorer_and_never_both_or_neither)
{
    static const char scorer[] = "scorer: {url: 'http://h/score', classes: [car]}";
    VD_AUTO(agent_config) config = { 0 };
    VD_AUTO(vd_buf) good = VD_BUF(400), both = VD_BUF(400);
    vd_why why = { 0 };
    vd_buf_addf(&good, "models:\n  far: {%s, rate: 2}\n", scorer);
    vd_buf_addf(&both, "models:\n  far: {%s, path: a.onnx}\n", scorer);
    expect_ok(read_text(good.data, &config, NULL));
    expect_str(config.model[1].scorer.url, "http://h/score");
    expect_str(config.model[1].scorer.classes[0], "car");
    expect_i64(config.model[1].step.every_us, 500000);
    agent_config_done(&config);
    expect_err(read_text(both.data, &config, &why), VD_INVALID);
    assert_non_null(strstr(why.fact, "both a path and a scorer"));
    agent_config_done(&config);
    expect_err(read_text("models:\n  far: {rate: 2}\n", &config, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "'scorer'"));
}

VD_TEST_MAIN(VD_RUN(a_clip_begins_before_its_event_or_after_it_and_never_without_end),
             VD_RUN(a_model_of_a_line_up_is_a_file_or_a_scorer_and_never_both_or_neither))
