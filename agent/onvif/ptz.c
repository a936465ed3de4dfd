/* ptz.c - presets: places that somebody has taught a camera that moves. */
#include "onvif_priv.h"

#define TPTZ "http://www.onvif.org/ver20/ptz/wsdl"

static vd_err cannot_move(const vd_onvif *camera, vd_why *why)
{
    (void)vd_fail(why, VD_ABSENT, "the camera cannot move");
    vd_why_detail(why, "%.200s names no PTZ service", camera->url);
    return VD_ABSENT;
}

/* "" for one that cannot be asked for. */
static bool preset_of(const xml_node *node, vd_onvif_preset *p)
{
    if (!node->token || !node->token[0] || strlen(node->token) >= sizeof p->token) return false;
    xml_clean(node->token, p->token, sizeof p->token);
    xml_clean(xml_text(node, "Name"), p->name, sizeof p->name);
    return strcmp(p->token, node->token) == 0;
}

static void presets_of(const xml_node *answer, vd_onvif_presets *all)
{
    all->count = 0;
    for (const xml_node *node = xml_get(answer, "Preset");
         node && all->count < VD_ONVIF_PRESETS_MAX; node = xml_next(node))
        if (preset_of(node, &all->item[all->count])) all->count++;
}

vd_err vd_onvif_read_presets(vd_slice answer, vd_onvif_presets *ret_presets, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ONVIF_TREE_BYTES);
    const xml_node *body = NULL;

    if (!arena) return vd_fail(why, VD_FULL, "no memory to read an answer");
    vd_err err = soap_read(answer, arena, &body, why);
    if (!err) presets_of(body, ret_presets);
    return err;
}

vd_err vd_onvif_get_presets(vd_onvif *camera, const char *profile, vd_onvif_presets *ret_presets,
                            vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(2048);
    const xml_node *answer = NULL;

    if (!camera->ptz[0]) return cannot_move(camera, why);
    if (!vd_buf_add_str(&body, "<GetPresets xmlns=\"" TPTZ "\"><ProfileToken>") ||
        !xml_add(&body, profile) || !vd_buf_add_str(&body, "</ProfileToken></GetPresets>"))
        return vd_fail(why, VD_INVALID, "the profile's name is too long");
    vd_err err = soap_call(camera, camera->ptz, true, body.data, &answer, why);
    if (!err) presets_of(answer, ret_presets);
    return err;
}

vd_err vd_onvif_go_to(vd_onvif *camera, const char *profile, const char *preset, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(2048);
    const xml_node *answer = NULL;

    if (!camera->ptz[0]) return cannot_move(camera, why);
    if (!vd_buf_add_str(&body, "<GotoPreset xmlns=\"" TPTZ "\"><ProfileToken>") ||
        !xml_add(&body, profile) || !vd_buf_add_str(&body, "</ProfileToken><PresetToken>") ||
        !xml_add(&body, preset) || !vd_buf_add_str(&body, "</PresetToken></GotoPreset>"))
        return vd_fail(why, VD_INVALID, "the preset's name is too long");
    return soap_call(camera, camera->ptz, true, body.data, &answer, why);
}
