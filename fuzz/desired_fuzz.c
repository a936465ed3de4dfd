/* What the hub wishes of an agent, each section by itself: cameras from templates, rules and the
 * armed profile. Whatever it says, each is taken whole or refused with a fact. */
#include "agent_priv.h"
#include "fuzz.h"

static void read_rules(const vd_config_node *rules, const agent_camera *camera)
{
    static rule_set set;
    vd_why why = { 0 };
    if (rulebook_read(rules, camera, NULL, &set, &why)) fuzz_holds(why.fact[0] != '\0');
    fuzz_holds(set.count <= AGENT_RULES_MAX);
}

static void read_camera(const vd_config_node *entry, const char *id, const vd_config_node *root)
{
    static agent_config defaults;
    VD_AUTO(vd_buf) text = VD_BUF(1 << 18);
    agent_camera camera;
    vd_why why = { 0 };
    if (!defaults.model_count) defaults = agent_config_default();
    vd_err err = agent_entry_fill(entry, id, vd_config_get(root, "templates"), &text, &why);
    if (!err) err = agent_camera_read(vd_buf_slice(&text), "hub", &defaults, &camera, &why);
    if (err) {
        fuzz_holds(why.fact[0] != '\0');
        return;
    }
    fuzz_holds(strcmp(camera.id, id) == 0);
    read_rules(vd_config_get(root, "rules"), &camera);
    agent_camera_done(&camera);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_config_ptr) wish = NULL;
    vd_arming arming;
    const char *id;
    vd_why why = { 0 };
    if (vd_config_parse(vd_slice_of(data, len), "desired", &wish, &why)) return 0;
    const vd_config_node *root = vd_config_root(wish), *cameras = vd_config_get(root, "cameras");
    for (size_t i = 0; vd_config_is_map(cameras) && i < vd_config_len(cameras); i++) {
        const vd_config_node *entry = vd_config_member(cameras, i, &id);
        read_camera(entry, id, root);
    }
    if (vd_arming_read(vd_config_get(root, "arming"), &arming, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        fuzz_holds(vd_arming_at(&arming, 1700000000000000) != NULL);
    return 0;
}
