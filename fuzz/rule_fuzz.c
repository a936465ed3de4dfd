/* A rule of the configuration: what is read can be printed, and has a version. */
#include "fuzz.h"
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    VD_AUTO(vd_buf) printed = VD_BUF(1 << 16);
    vd_rule rule;
    vd_why why;
    if (vd_config_parse(vd_slice_of(data, len), "fuzz.yaml", &config, &why)) return 0;
    if (vd_rule_read(vd_config_root(config), NULL, &rule, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    fuzz_holds(rule.point_count <= VD_ZONE_POINTS_MAX && rule.kind < VD_RULE_KINDS);
    fuzz_holds(rule.kind != VD_RULE_LINE || rule.point_count == 2);
    fuzz_holds(rule.kind != VD_RULE_ZONE || rule.point_count >= 3);
    fuzz_holds(strlen(rule.version) == 16);
    for (unsigned i = 0; i < rule.point_count; i++)
        fuzz_holds(rule.point[i].x >= 0 && rule.point[i].x <= 1);
    fuzz_holds(vd_rule_print(&rule, &printed) == VD_OK);
    return 0;
}
