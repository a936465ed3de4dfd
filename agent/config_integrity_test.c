#include "agent_config.h"
#include "integrity.h"
#include "vd/test.h"

static vd_err read_text(const char *yaml, agent_config *ret_config, vd_why *why)
{
    agent_config_done(ret_config);
    vd_err err = agent_config_parse(vd_slice_str(yaml), "agent.yaml", ret_config, why);
    return err ? err : agent_config_whole(ret_config, why);
}

// covers: CAM-6
VD_TEST(camera_is_looked_after_as_the_section_says_unless_it_says_otherwise)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };

    expect_ok(read_text("cameras:\n  - {id: a, file: a.mp4}\n  - {id: b, file: b.mp4, integrity: "
                        "{ignore: [moved, dark]}}\nintegrity: {after: 10s, ignore: [slow]}\n",
                        &config, &why));
    expect_true(config.camera[0].integrity.enabled);
    expect_i64(config.camera[0].integrity.after_ms, 10000);
    expect_u64(config.camera[0].integrity.ignore, 1u << VD_INTEGRITY_SLOW);
    expect_i64(config.camera[1].integrity.after_ms, 10000);
    expect_u64(config.camera[1].integrity.ignore,
               1u << VD_INTEGRITY_MOVED | 1u << VD_INTEGRITY_DARK);
    expect_str(config.camera[1].integrity.reference, "");
    expect_ok(read_text("cameras: [{id: a, file: a.mp4, integrity: {reference: turned 2}}]\n"
                        "integrity: {reference: new house}\n",
                        &config, &why));
    expect_str(config.integrity.reference, "new house");
    expect_str(config.camera[0].integrity.reference, "turned 2");
    expect_err(read_text("integrity: {reference: 012345678901234567890123456789012}", &config,
                         &why),
               VD_INVALID);
    expect_err(read_text("integrity: {ignore: [blured]}", &config, &why), VD_INVALID);
    assert_non_null(strstr(why.hint, "blurred"));
}

VD_TEST_MAIN(VD_RUN(camera_is_looked_after_as_the_section_says_unless_it_says_otherwise))
