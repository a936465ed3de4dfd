/* ONVIF answers: what comes out is bounded and readable, and no address leaves the camera's host.
 */
#include "fuzz.h"
#include "onvif.h"

static vd_onvif_profiles profiles;
static vd_onvif_presets presets;
static vd_onvif_list list;

static void hold_text(const char *text)
{
    for (const char *at = text; *at; at++) fuzz_holds((unsigned char)*at >= ' ' && *at != 0x7f);
}

static void hold_profiles(void)
{
    fuzz_holds(profiles.count <= VD_ONVIF_PROFILES_MAX);
    fuzz_holds(profiles.main < (int)profiles.count && profiles.small < (int)profiles.count);
    fuzz_holds(profiles.small < 0 || (profiles.main >= 0 && profiles.small != profiles.main));
    for (unsigned i = 0; i < profiles.count; i++) {
        fuzz_holds(profiles.item[i].token[0] != '\0');
        fuzz_holds(profiles.item[i].width_px >= 0 && profiles.item[i].height_px >= 0);
        hold_text(profiles.item[i].token);
        hold_text(profiles.item[i].name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const vd_slice bytes = vd_slice_of(data, len);
    vd_why why = { 0 };
    char text[VD_ONVIF_URL_ROOM], url[VD_ONVIF_URL_ROOM];
    int64_t utc_us = 0;

    if (vd_onvif_read_profiles(bytes, &profiles, &why))
        fuzz_holds(why.fact[0] != '\0');
    else
        hold_profiles();
    if (!vd_onvif_read_presets(bytes, &presets, &why))
        for (unsigned i = 0; i < presets.count; i++) hold_text(presets.item[i].name);
    if (!vd_onvif_read_clock(bytes, &utc_us, &why)) fuzz_holds(utc_us >= 0);
    list.count = 0;
    if (!vd_onvif_read_found(bytes, "10.0.0.7", &list, &why))
        for (unsigned i = 0; i < list.count; i++) {
            fuzz_holds(strstr(list.item[i].address, "://10.0.0.7") != NULL);
            hold_text(list.item[i].name);
        }
    vd_slice_to_chars(bytes, text, sizeof text);
    if (!vd_onvif_own_address(text, true, "10.0.0.7", NULL, url, &why)) {
        const char *host = strstr(url, "://10.0.0.7");
        fuzz_holds(host && strncmp(url, "rtsp", 4) == 0 && strchr("/:", host[11]));
        hold_text(url);
    }
    return 0;
}
