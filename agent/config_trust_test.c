/* Which certificate of a camera is right, as its entry says. */
#include <stdio.h>

#include "agent_config.h"
#include "vd/test.h"

// covers: CAM-3
VD_TEST(camera_names_the_certificate_that_is_right_in_one_way)
{
    static const char *const wrong[] = {
        "{id: a, url: 'https://h/a', ca_file: a.pem, insecure: true}",
        "{id: a, url: 'https://h/a', fingerprint: 'sha256:12'}",
        "{id: a, url: 'rtsps://h/a', ca_file: a.pem}",
        "{id: a, file: a.mp4, insecure: true}",
    };
    static const char pinned[] =
        "cameras:\n"
        "  - {id: a, url: 'https://h/a', fingerprint: 'sha256:"
        "5F:70:bf:18:a0:86:00:70:16:e9:48:b0:4a:ed:3b:82:"
        "10:3a:36:be:a4:17:55:b6:cd:df:af:10:ac:e3:c6:ef'}\n"
        "  - {id: b, onvif: h, ca_file: /b.pem}\n  - {id: c, url: 'rtsps://h/a', insecure: true}\n";
    VD_AUTO(agent_config) config = { 0 };
    char text[256];

    expect_ok(agent_config_parse(vd_slice_str(pinned), "agent.yaml", &config, NULL));
    expect_ok(agent_config_whole(&config, NULL));
    expect_true(agent_source(&config.camera[0], "").trust.fingerprint != NULL);
    expect_str(agent_source(&config.camera[1], "").trust.ca_file, "/b.pem");
    expect_true(agent_source(&config.camera[2], "").trust.insecure);
    for (size_t i = 0; i < VD_COUNT_OF(wrong); i++) {
        vd_why why = { 0 };
        snprintf(text, sizeof text, "cameras: [%s]\n", wrong[i]);
        agent_config_done(&config);
        config = (agent_config){ 0 };
        expect_ok(agent_config_parse(vd_slice_str(text), "agent.yaml", &config, NULL));
        expect_err(agent_config_whole(&config, &why), VD_INVALID);
    }
}

VD_TEST_MAIN(VD_RUN(camera_names_the_certificate_that_is_right_in_one_way))
