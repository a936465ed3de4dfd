/* media.c - profiles become streams. Media 2 and media 1 say the same in different shapes:
 *
 *   media 2   Profiles @token: Name, Configurations: VideoSource, VideoEncoder, PTZ
 *   media 1   Profiles @token: Name, VideoSourceConfiguration, VideoEncoderConfiguration, ... */
#include <stdio.h>
#include <stdlib.h>

#include "onvif_priv.h"

#define TRT "http://www.onvif.org/ver10/media/wsdl"
#define TR2 "http://www.onvif.org/ver20/media/wsdl"
#define TT  "http://www.onvif.org/ver10/schema"

/* A smaller picture shows too little to look at. */
#define SMALL_WIDTH_PX  320
#define SMALL_HEIGHT_PX 180
#define SIDE_MAX_PX     65535

const char *vd_onvif_codec_name(vd_onvif_codec codec)
{
    static const char *const names[] = { "other", "jpeg", "h264", "h265" };
    return (size_t)codec < VD_COUNT_OF(names) ? names[codec] : "other";
}

static vd_onvif_codec codec_of(const char *encoding)
{
    if (strcmp(encoding, "H264") == 0) return VD_ONVIF_H264;
    if (strcmp(encoding, "H265") == 0) return VD_ONVIF_H265;
    return strcmp(encoding, "JPEG") == 0 ? VD_ONVIF_JPEG : VD_ONVIF_OTHER;
}

static int side_of(const xml_node *encoder, const char *path)
{
    uint64_t side = 0;

    return vd_slice_u64(vd_slice_str(xml_text(encoder, path)), SIDE_MAX_PX, &side) ? (int)side : 0;
}

static const xml_node *either(const xml_node *node, const char *media2, const char *media1)
{
    const xml_node *found = xml_get(node, media2);

    return found ? found : xml_get(node, media1);
}

/* False: it has no name to ask for it by. */
static bool profile_of(const xml_node *node, vd_onvif_profile *p)
{
    const xml_node *source = either(node, "Configurations/VideoSource", "VideoSourceConfiguration");
    const xml_node *encoder =
        either(node, "Configurations/VideoEncoder", "VideoEncoderConfiguration");

    if (!node->token || !node->token[0] || strlen(node->token) >= sizeof p->token) return false;
    *p = (vd_onvif_profile){ 0 };
    xml_clean(node->token, p->token, sizeof p->token);
    xml_clean(xml_text(node, "Name"), p->name, sizeof p->name);
    xml_clean(xml_text(source, "SourceToken"), p->source, sizeof p->source);
    p->codec = codec_of(xml_text(encoder, "Encoding"));
    p->width_px = side_of(encoder, "Resolution/Width");
    p->height_px = side_of(encoder, "Resolution/Height");
    const double fps = strtod(xml_text(encoder, "RateControl/FrameRateLimit"), NULL);
    p->fps = fps > 0 && fps < 1000 ? fps : 0;
    p->ptz = either(node, "Configurations/PTZ", "PTZConfiguration") != NULL;
    return strcmp(p->token, node->token) == 0;
}

static int64_t area(const vd_onvif_profile *p)
{
    return (int64_t)p->width_px * p->height_px;
}

/* JPEG only where there is nothing better. */
static bool usable(const vd_onvif_profiles *all, const vd_onvif_profile *p)
{
    bool better = false;

    for (unsigned i = 0; i < all->count; i++) better = better || all->item[i].codec > VD_ONVIF_JPEG;
    return p->codec > (better ? VD_ONVIF_JPEG : VD_ONVIF_OTHER);
}

/* Of the usable streams of one source the largest. */
static int largest(const vd_onvif_profiles *all)
{
    const char *source = NULL;
    int found = -1;

    for (unsigned i = 0; i < all->count; i++) {
        const vd_onvif_profile *p = &all->item[i];
        if (!usable(all, p) || (source && strcmp(source, p->source) != 0)) continue;
        source = p->source; /* of several lenses the first */
        if (found < 0 || area(p) > area(&all->item[found])) found = (int)i;
    }
    return found;
}

/* The smallest beside it that shows enough. */
static int smallest(const vd_onvif_profiles *all, const vd_onvif_profile *large)
{
    int found = -1;

    for (unsigned i = 0; i < all->count; i++) {
        const vd_onvif_profile *p = &all->item[i];
        const bool fits = p->width_px >= SMALL_WIDTH_PX && p->height_px >= SMALL_HEIGHT_PX &&
                          area(p) < area(large);
        if (!fits || !usable(all, p) || strcmp(large->source, p->source) != 0) continue;
        if (found < 0 || area(p) < area(&all->item[found])) found = (int)i;
    }
    return found;
}

void profiles_of(const xml_node *answer, vd_onvif_profiles *ret_profiles)
{
    vd_onvif_profiles *all = ret_profiles;

    all->count = 0;
    for (const xml_node *node = xml_get(answer, "Profiles");
         node && all->count < VD_ONVIF_PROFILES_MAX; node = xml_next(node))
        if (profile_of(node, &all->item[all->count])) all->count++;
    all->main = largest(all);
    all->small = all->main < 0 ? -1 : smallest(all, &all->item[all->main]);
}

vd_err vd_onvif_read_profiles(vd_slice answer, vd_onvif_profiles *ret_profiles, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ONVIF_TREE_BYTES);
    const xml_node *body = NULL;

    if (!arena) return vd_fail(why, VD_FULL, "no memory to read an answer");
    vd_err err = soap_read(answer, arena, &body, why);
    if (!err) profiles_of(body, ret_profiles);
    return err;
}

static vd_err profiles_ask(vd_onvif *camera, bool media2, vd_onvif_profiles *ret_profiles,
                           vd_why *why)
{
    const xml_node *answer = NULL;
    const char *body = media2 ? "<GetProfiles xmlns=\"" TR2 "\"><Type>VideoSource</Type>"
                                "<Type>VideoEncoder</Type><Type>PTZ</Type></GetProfiles>"
                              : "<GetProfiles xmlns=\"" TRT "\"/>";

    vd_err err =
        soap_call(camera, media2 ? camera->media2 : camera->media, true, body, &answer, why);
    if (!err) profiles_of(answer, ret_profiles);
    return err;
}

vd_err vd_onvif_get_profiles(vd_onvif *camera, vd_onvif_profiles *ret_profiles, vd_why *why)
{
    vd_err err = VD_ABSENT;

    if (camera->media2[0]) err = profiles_ask(camera, true, ret_profiles, why);
    /* Some cameras announce media 2 and cannot do it. */
    const bool other = err == VD_ABSENT || err == VD_INVALID || (!err && !ret_profiles->count);
    if (!other || !camera->media[0]) return err;
    camera->media2[0] = '\0';
    return profiles_ask(camera, false, ret_profiles, why);
}

static bool stream_request(bool media2, const char *profile, vd_buf *body)
{
    const char *before =
        media2 ? "<GetStreamUri xmlns=\"" TR2 "\"><Protocol>RTSP</Protocol><ProfileToken>"
               : "<GetStreamUri xmlns=\"" TRT "\"><StreamSetup>"
                 "<Stream xmlns=\"" TT "\">RTP-Unicast</Stream><Transport xmlns=\"" TT "\">"
                 "<Protocol>RTSP</Protocol></Transport></StreamSetup><ProfileToken>";

    return vd_buf_add_str(body, before) && xml_add(body, profile) &&
           vd_buf_add_str(body, "</ProfileToken></GetStreamUri>");
}

vd_err vd_onvif_get_stream(vd_onvif *camera, const char *profile, char ret_url[VD_ONVIF_URL_ROOM],
                           vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(2048);
    const xml_node *answer = NULL;
    const bool media2 = camera->media2[0];

    if (!stream_request(media2, profile, &body))
        return vd_fail(why, VD_INVALID, "the profile's name is too long");
    vd_err err =
        soap_call(camera, media2 ? camera->media2 : camera->media, true, body.data, &answer, why);
    if (err) return err;
    return address_own(camera, xml_text(answer, media2 ? "Uri" : "MediaUri/Uri"), true, ret_url,
                       why);
}

static vd_err nothing_usable(const vd_onvif_profiles *all, const char *address, vd_why *why)
{
    (void)vd_fail(why, VD_INVALID, "the camera offers no H.264, H.265 or JPEG stream");
    vd_why_detail(why, "%.150s has %u profile%s", address, all->count, all->count == 1 ? "" : "s");
    vd_why_hint(why, "set a profile to H.264 or H.265 in the camera's video settings");
    return VD_INVALID;
}

vd_err vd_onvif_find_stream(const vd_onvif_config *config, bool small, vd_onvif_stream *ret_stream,
                            vd_why *why)
{
    VD_AUTO(vd_onvif_ptr) camera = NULL;
    vd_onvif_profiles *all = calloc(1, sizeof *all);

    if (!all) return vd_fail(why, VD_FULL, "no memory for an ONVIF camera");
    ret_stream->clock = (vd_why){ 0 };
    vd_err err = vd_onvif_open(config, &camera, why);
    if (!err) (void)vd_onvif_clock_wrong(camera, &ret_stream->clock);
    if (!err) err = vd_onvif_get_profiles(camera, all, why);
    if (!err && all->main < 0) err = nothing_usable(all, config->address, why);
    if (!err && small && all->small < 0)
        err = vd_fail(why, VD_ABSENT, "the camera has no smaller stream");
    if (!err)
        err = vd_onvif_get_stream(camera, all->item[small ? all->small : all->main].token,
                                  ret_stream->url, why);
    ret_stream->only = !err && all->small < 0;
    if (err == VD_ABSENT && !(small && all->small < 0)) err = VD_INVALID;
    free(all);
    return err;
}
