/* camera.c - the camera itself: its clock, where its services are, what it is. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "onvif_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define TDS           "http://www.onvif.org/ver10/device/wsdl"
#define TIMEOUT_MS    5000
#define REQUEST_BYTES 16384
#define SERVICES_MAX  64

/* ---- its clock ---- */

static bool number_of(const xml_node *node, const char *path, uint64_t most, int *ret_value)
{
    uint64_t value;

    if (!vd_slice_u64(vd_slice_str(xml_text(node, path)), most, &value)) return false;
    *ret_value = (int)value;
    return true;
}

bool clock_of(const xml_node *answer, int64_t *ret_utc_us)
{
    const xml_node *utc = xml_get(answer, "SystemDateAndTime/UTCDateTime");
    struct tm t = { 0 };

    const bool good = number_of(utc, "Time/Hour", 23, &t.tm_hour) &&
                      number_of(utc, "Time/Minute", 59, &t.tm_min) &&
                      number_of(utc, "Time/Second", 61, &t.tm_sec) &&
                      number_of(utc, "Date/Year", 9998, &t.tm_year) &&
                      number_of(utc, "Date/Month", 12, &t.tm_mon) &&
                      number_of(utc, "Date/Day", 31, &t.tm_mday) && t.tm_year >= 1970 &&
                      t.tm_mon >= 1 && t.tm_mday >= 1;
    if (!good) return false;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ret_utc_us = (int64_t)timegm(&t) * 1000000;
    return true;
}

vd_err vd_onvif_read_clock(vd_slice answer, int64_t *ret_utc_us, vd_why *why)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(ONVIF_TREE_BYTES);
    const xml_node *body = NULL;

    if (!arena) return vd_fail(why, VD_FULL, "no memory to read an answer");
    vd_err err = soap_read(answer, arena, &body, why);
    if (!err && !clock_of(body, ret_utc_us))
        err = vd_fail(why, VD_ABSENT, "the camera does not tell its time");
    return err;
}

/* Anyone may ask for the time; a camera that does not tell is asked nothing else for it. */
static vd_err clock_ask(vd_onvif *camera, vd_why *why)
{
    const xml_node *answer = NULL;
    int64_t its_us = 0;
    const int64_t before_us = vd_clock_utc_us();

    vd_err err = soap_call(camera, camera->url, false, "<GetSystemDateAndTime xmlns=\"" TDS "\"/>",
                           &answer, why);
    const int64_t middle_us = before_us + (vd_clock_utc_us() - before_us) / 2;
    if (err == VD_DENIED || err == VD_ABSENT) return VD_OK;
    if (!err && clock_of(answer, &its_us)) {
        camera->clock_known = true;
        camera->clock_ahead_us = its_us + 500000 - middle_us; /* it tells whole seconds */
    }
    return err;
}

bool vd_onvif_clock(const vd_onvif *camera, int64_t *ret_ahead_ms)
{
    if (camera->clock_known) *ret_ahead_ms = camera->clock_ahead_us / 1000;
    return camera->clock_known;
}

bool vd_onvif_clock_wrong(const vd_onvif *camera, vd_why *ret_why)
{
    int64_t ahead_ms = 0;
    char its[VD_UTC_TEXT_ROOM], ours[VD_UTC_TEXT_ROOM];

    if (!vd_onvif_clock(camera, &ahead_ms) || llabs(ahead_ms) <= VD_ONVIF_CLOCK_MS) return false;
    const int64_t now_us = vd_clock_utc_us();
    (void)vd_fail(ret_why, VD_INVALID, "the camera's clock is %lld s %s",
                  (long long)(llabs(ahead_ms) / 1000), ahead_ms > 0 ? "ahead" : "behind");
    vd_why_detail(ret_why, "it has %.19s, we have %.19s (UTC)",
                  vd_utc_text(now_us + camera->clock_ahead_us, its), vd_utc_text(now_us, ours));
    vd_why_hint(ret_why, "set it, best by NTP, and ours too; until then pictures carry the time at "
                         "which they come");
    return true;
}

/* ---- its services ---- */

static void service_take(vd_onvif *camera, const char *space, const char *address, vd_why *refused)
{
    char *into = NULL;

    if (strcmp(space, "http://www.onvif.org/ver10/media/wsdl") == 0) into = camera->media;
    if (strcmp(space, "http://www.onvif.org/ver20/media/wsdl") == 0) into = camera->media2;
    if (strcmp(space, "http://www.onvif.org/ver20/ptz/wsdl") == 0) into = camera->ptz;
    if (!into || !address[0]) return;
    if (address_own(camera, address, false, into, refused)) into[0] = '\0';
}

static vd_err services_ask(vd_onvif *camera, vd_why *refused, vd_why *why)
{
    const xml_node *answer = NULL;
    unsigned count = 0;

    vd_err err = soap_call(camera, camera->url, true,
                           "<GetServices xmlns=\"" TDS "\"><IncludeCapability>false"
                           "</IncludeCapability></GetServices>",
                           &answer, why);
    if (err) return err;
    for (const xml_node *s = xml_get(answer, "Service"); s && count < SERVICES_MAX;
         s = xml_next(s), count++)
        service_take(camera, xml_text(s, "Namespace"), xml_text(s, "XAddr"), refused);
    return VD_OK;
}

/* As it was before there were GetServices and media 2. */
static vd_err capabilities_ask(vd_onvif *camera, vd_why *refused, vd_why *why)
{
    const xml_node *answer = NULL;

    vd_err err = soap_call(camera, camera->url, true,
                           "<GetCapabilities xmlns=\"" TDS "\"><Category>All</Category>"
                           "</GetCapabilities>",
                           &answer, why);
    if (err) return err;
    const xml_node *all = xml_get(answer, "Capabilities");
    service_take(camera, "http://www.onvif.org/ver10/media/wsdl", xml_text(all, "Media/XAddr"),
                 refused);
    service_take(camera, "http://www.onvif.org/ver20/ptz/wsdl", xml_text(all, "PTZ/XAddr"),
                 refused);
    return VD_OK;
}

static vd_err services_find(vd_onvif *camera, vd_why *why)
{
    vd_why refused = { 0 };

    vd_err err = services_ask(camera, &refused, why);
    const bool media = camera->media[0] || camera->media2[0];
    if (err == VD_ABSENT || err == VD_INVALID || (!err && !media))
        err = capabilities_ask(camera, &refused, why);
    if (err || camera->media[0] || camera->media2[0]) return err;
    if (refused.fact[0]) {
        if (why) *why = refused;
        return VD_DENIED;
    }
    (void)vd_fail(why, VD_INVALID, "the device speaks ONVIF, but has no video");
    vd_why_detail(why, "%.200s names no media service", camera->url);
    vd_why_hint(why, "is it a recorder, a sensor or a door? give a camera's address");
    return VD_INVALID;
}

/* ---- made and freed ---- */

static vd_err copy_trust(vd_onvif *camera, const vd_trust_config *trust, vd_why *why)
{
    if (!vd_slice_to_chars(vd_slice_str(trust->ca_file), camera->ca_file, sizeof camera->ca_file) ||
        !vd_slice_to_chars(vd_slice_str(trust->fingerprint), camera->fingerprint,
                           sizeof camera->fingerprint))
        return vd_fail(why, VD_INVALID, "ca_file or fingerprint is too long");
    camera->trusted =
        (vd_trust_config){ .ca_file = trust->ca_file ? camera->ca_file : NULL,
                           .fingerprint = trust->fingerprint ? camera->fingerprint : NULL,
                           .insecure = trust->insecure };
    return vd_trust_check(&camera->trusted, why);
}

static vd_err copy_config(vd_onvif *camera, const vd_onvif_config *config, vd_why *why)
{
    const bool fits =
        vd_slice_to_chars(vd_slice_str(config->user), camera->user, sizeof camera->user) &&
        vd_slice_to_chars(vd_slice_str(config->password), camera->password,
                          sizeof camera->password) &&
        vd_slice_to_chars(vd_slice_str(config->other_host), camera->other_host,
                          sizeof camera->other_host);
    camera->timeout_ms = config->timeout_ms ? config->timeout_ms : TIMEOUT_MS;
    camera->give_up = config->give_up;
    camera->ctx = config->ctx;
    if (!fits) return vd_fail(why, VD_INVALID, "the camera's user, password or host is too long");
    vd_err err = copy_trust(camera, &config->trust, why);
    return err ? err : address_of_device(config->address, camera->url, camera->host, why);
}

static bool allocate(vd_onvif *camera)
{
    camera->request = VD_BUF(REQUEST_BYTES);
    camera->answer = VD_BUF(ONVIF_ANSWER_BYTES);
    camera->arena = vd_arena_new(ONVIF_TREE_BYTES);
    camera->curl = curl_easy_init();
    camera->headers = curl_slist_append(NULL, "Content-Type: application/soap+xml; charset=utf-8");
    return camera->arena && camera->curl && camera->headers &&
           curl_slist_append(camera->headers, "Expect:");
}

vd_err vd_onvif_open(const vd_onvif_config *config, vd_onvif **ret_camera, vd_why *why)
{
    vd_onvif *camera = calloc(1, sizeof *camera);

    if (!camera) return vd_fail(why, VD_FULL, "no memory for an ONVIF camera");
    vd_err err = allocate(camera) ? VD_OK : vd_fail(why, VD_FULL, "no memory for an ONVIF camera");
    if (!err) err = copy_config(camera, config, why);
    if (!err) err = clock_ask(camera, why);
    if (!err) err = services_find(camera, why);
    if (err)
        vd_onvif_free(camera);
    else
        *ret_camera = camera;
    return err;
}

vd_onvif *vd_onvif_free(vd_onvif *camera)
{
    if (!camera) return NULL;
    if (camera->curl) curl_easy_cleanup(camera->curl);
    curl_slist_free_all(camera->headers);
    vd_wipe(camera->password, sizeof camera->password);
    vd_buf_done(&camera->request);
    vd_buf_done(&camera->answer);
    vd_arena_free(camera->arena);
    free(camera);
    return NULL;
}

vd_err vd_onvif_get_device(vd_onvif *camera, vd_onvif_device *ret_device, vd_why *why)
{
    const xml_node *answer = NULL;
    vd_onvif_device *d = ret_device;

    vd_err err = soap_call(camera, camera->url, true, "<GetDeviceInformation xmlns=\"" TDS "\"/>",
                           &answer, why);
    if (err) return err;
    xml_clean(xml_text(answer, "Manufacturer"), d->manufacturer, sizeof d->manufacturer);
    xml_clean(xml_text(answer, "Model"), d->model, sizeof d->model);
    xml_clean(xml_text(answer, "FirmwareVersion"), d->firmware, sizeof d->firmware);
    xml_clean(xml_text(answer, "SerialNumber"), d->serial, sizeof d->serial);
    xml_clean(xml_text(answer, "HardwareId"), d->hardware, sizeof d->hardware);
    return VD_OK;
}
