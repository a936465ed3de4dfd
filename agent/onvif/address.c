/* address.c - which addresses we take. curl takes them apart; what we go on with is put together
 * anew from its parts, so that nobody after us can read another host out of it. */
#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

#include "onvif_priv.h"

#define DEVICE_PATH "/onvif/device_service"

typedef struct {
    char *scheme, *host, *port, *path, *query;
} parts;

static void parts_done(parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->query);
}
VD_AUTO_DEFINE(parts, parts_done)

/* Nothing but visible ASCII: no space, no line's end, nothing that two readers see differently. */
static bool plain(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || *text == '\\' || *text == '"') return false;
    return true;
}

static bool take_apart(const char *address, parts *p)
{
    CURLU *url = curl_url();
    const unsigned how = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;

    bool good = url && plain(address) && !curl_url_set(url, CURLUPART_URL, address, how) &&
                !curl_url_get(url, CURLUPART_SCHEME, &p->scheme, 0) &&
                !curl_url_get(url, CURLUPART_HOST, &p->host, 0) &&
                !curl_url_get(url, CURLUPART_PATH, &p->path, 0);
    if (good) {
        (void)curl_url_get(url, CURLUPART_PORT, &p->port, 0);
        (void)curl_url_get(url, CURLUPART_QUERY, &p->query, 0);
        good = p->host[0] && plain(p->host) && !strpbrk(p->host, "@/?#%");
    }
    curl_url_cleanup(url);
    return good;
}

static bool put_together(const parts *p, char ret_url[VD_ONVIF_URL_ROOM])
{
    const int len =
        snprintf(ret_url, VD_ONVIF_URL_ROOM, "%s://%s%s%s%s%s%s", p->scheme, p->host,
                 p->port ? ":" : "", p->port ? p->port : "", p->path && p->path[0] ? p->path : "/",
                 p->query ? "?" : "", p->query ? p->query : "");

    return len > 0 && len < VD_ONVIF_URL_ROOM;
}

/* The host without the brackets of an IPv6 address. */
static vd_slice bare(const char *host)
{
    vd_slice text = vd_slice_str(host);

    if (text.len > 2 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        return vd_slice_of(text.data + 1, text.len - 2);
    return text;
}

static bool same_host(const char *one, const char *other)
{
    const vd_slice a = bare(one), b = bare(other);

    return a.len && a.len == b.len &&
           strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

static bool is_scheme(const char *scheme, bool stream)
{
    return strcmp(scheme, stream ? "rtsp" : "http") == 0 ||
           strcmp(scheme, stream ? "rtsps" : "https") == 0;
}

vd_err vd_onvif_own_address(const char *address, bool stream, const char *host,
                            const char *other_host, char ret_url[VD_ONVIF_URL_ROOM], vd_why *why)
{
    VD_AUTO(parts) p = { 0 };
    char url[VD_ONVIF_URL_ROOM], shown[VD_ONVIF_TEXT_ROOM];

    xml_clean(address, shown, sizeof shown);
    if (!take_apart(address, &p) || !is_scheme(p.scheme, stream) || !put_together(&p, url)) {
        (void)vd_fail(why, VD_INVALID, "the camera names an address that is none");
        vd_why_detail(why, "'%s' is no %s address", shown, stream ? "rtsp://" : "http://");
        return VD_INVALID;
    }
    if (!same_host(p.host, host) && !(other_host && same_host(p.host, other_host))) {
        xml_clean(p.host, shown, sizeof shown);
        (void)vd_fail(why, VD_DENIED, "the camera names an address on another host");
        vd_why_detail(why, "we asked %.100s, and it says %s", host, shown);
        vd_why_hint(why, "correct the camera's network settings, or allow it with onvif_host: %s",
                    shown);
        return VD_DENIED;
    }
    memcpy(ret_url, url, sizeof url);
    return VD_OK;
}

vd_err address_own(const vd_onvif *camera, const char *address, bool stream,
                   char ret_url[VD_ONVIF_URL_ROOM], vd_why *why)
{
    const char *other = camera->other_host[0] ? camera->other_host : NULL;

    /* Asked by its name, a camera answers with its number. */
    if (camera->ip[0] && !vd_onvif_own_address(address, stream, camera->ip, other, ret_url, NULL))
        return VD_OK;
    return vd_onvif_own_address(address, stream, camera->host, other, ret_url, why);
}

static bool read_device(const char *address, char ret_url[VD_ONVIF_URL_ROOM],
                        char ret_host[ONVIF_HOST_ROOM])
{
    VD_AUTO(parts) p = { 0 };
    VD_AUTO(vd_buf) whole = VD_BUF(VD_ONVIF_URL_ROOM);

    if (!strstr(address, "://") && !vd_buf_add_str(&whole, "http://")) return false;
    if (!vd_buf_add_str(&whole, address) || !take_apart(whole.data, &p) ||
        !is_scheme(p.scheme, false) ||
        !vd_slice_to_chars(vd_slice_str(p.host), ret_host, ONVIF_HOST_ROOM))
        return false;
    char path[] = DEVICE_PATH;
    parts with_path = p;
    if (!p.path[0] || strcmp(p.path, "/") == 0) with_path.path = path;
    return put_together(&with_path, ret_url);
}

vd_err address_of_device(const char *address, char ret_url[VD_ONVIF_URL_ROOM],
                         char ret_host[ONVIF_HOST_ROOM], vd_why *why)
{
    char shown[VD_ONVIF_TEXT_ROOM];

    if (strchr(address, '@')) {
        (void)vd_fail(why, VD_INVALID, "the ONVIF address holds user or password");
        vd_why_hint(why, "give them apart: an address is shown and logged");
        return VD_INVALID;
    }
    if (read_device(address, ret_url, ret_host)) return VD_OK;
    xml_clean(address, shown, sizeof shown);
    (void)vd_fail(why, VD_INVALID, "'%s' is no address of an ONVIF camera", shown);
    vd_why_hint(why, "10.0.0.7, 10.0.0.7:8000 or http://10.0.0.7/onvif/device_service");
    return VD_INVALID;
}

vd_err vd_onvif_check_address(const char *address, vd_why *why)
{
    char url[VD_ONVIF_URL_ROOM], host[ONVIF_HOST_ROOM];

    return address_of_device(address, url, host, why);
}
