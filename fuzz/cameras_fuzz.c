/* The agent's configuration: cameras and templates of the file, or an entry is refused with what is
 * wrong. What is read reads again as the same camera. */
#include "agent_config.h"
#include "fuzz.h"

static void again(const agent_camera *camera, const agent_config *config)
{
    VD_AUTO(vd_buf) once = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) twice = VD_BUF(1 << 20);
    agent_camera copy;
    vd_why why = { 0 };
    fuzz_holds(camera->id[0] != '\0' && strlen(camera->id) <= VD_CAMERA_ID_MAX);
    fuzz_holds(camera->entry != NULL && camera->model_count <= config->model_count);
    fuzz_holds(!agent_camera_copy(camera, &copy));
    fuzz_holds(agent_camera_same(camera, &copy));
    agent_camera_done(&copy);
    fuzz_holds(!agent_camera_read(vd_slice_str(camera->entry), "again", config, &copy, &why));
    fuzz_holds(!agent_node_print(vd_config_root(camera->text), "", &once));
    fuzz_holds(!agent_node_print(vd_config_root(copy.text), "", &twice));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&once), vd_buf_slice(&twice)));
    agent_camera_done(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(agent_config) config = { 0 };
    vd_why why = { 0 };
    if (agent_config_parse(vd_slice_of(data, len), "fuzz.yaml", &config, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    fuzz_holds(config.camera_count <= AGENT_CAMERAS_MAX);
    for (unsigned i = 0; i < config.refused_count; i++)
        fuzz_holds(config.refused[i].why.fact[0] != '\0');
    for (unsigned i = 0; i < config.camera_count; i++) again(&config.camera[i], &config);
    return 0;
}
