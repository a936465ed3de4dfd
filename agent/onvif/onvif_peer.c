/* onvif_peer.c - see onvif_peer_priv.h. Reads requests by hand, not with the reader under test. */
#include "onvif_peer_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vd/clock.h"

#define REALM   "onvif"
#define SKEW_US 5000000 /* a token's time may be off by so much */

typedef struct {
    vd_buf body;
} request;

/* ---- reading ---- */

/* The text of the first element of that name, whatever its prefix. */
static bool element(const char *body, const char *name, char *into, size_t room)
{
    const size_t len = strlen(name);

    into[0] = '\0';
    for (const char *at = strchr(body, '<'); at; at = strchr(at + 1, '<')) {
        const char *word = at + 1;
        const char *colon = word + strcspn(word, ": />");
        if (*colon == ':') word = colon + 1;
        if (strncmp(word, name, len) != 0 || !strchr(" />", word[len])) continue;
        const char *text = strchr(word, '>');
        if (!text) return false;
        text += text[-1] == '/' ? 0 : 1;
        vd_slice_to_chars(vd_slice_of(text, strcspn(text, "<>")), into, room);
        return true;
    }
    return false;
}

static bool digest_fits(const char *nonce64, const char *created, const char *password,
                        const char *want64)
{
    VD_AUTO(vd_buf) nonce = VD_BUF(256);
    VD_AUTO(vd_buf) bytes = VD_BUF(1024);
    VD_AUTO(vd_buf) have = VD_BUF(128);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!vd_base64_decode(vd_slice_str(nonce64), &nonce)) return false;
    vd_buf_add(&bytes, vd_buf_slice(&nonce));
    vd_buf_add_str(&bytes, created);
    vd_buf_add_str(&bytes, password);
    EVP_Digest(bytes.data, bytes.len, digest, &len, EVP_sha1(), NULL);
    vd_base64_encode(vd_slice_of(digest, len), &have);
    return strcmp(have.data, want64) == 0;
}

static int64_t own_clock_us(const onvif_peer *peer)
{
    return vd_clock_utc_us() + peer->clock_ahead_s * 1000000;
}

static bool token_fits(const onvif_peer *peer, const char *body)
{
    char user[128], password[128], nonce[128], created[64];
    int64_t utc_us = 0;

    if (!element(body, "Username", user, sizeof user) ||
        !element(body, "Password", password, sizeof password) ||
        !element(body, "Nonce", nonce, sizeof nonce) ||
        !element(body, "Created", created, sizeof created))
        return false;
    return strcmp(user, peer->user) == 0 && vd_utc_parse(vd_slice_str(created), &utc_us) &&
           llabs(utc_us - own_clock_us(peer)) < SKEW_US &&
           digest_fits(nonce, created, peer->password, password);
}

/* ---- writing ---- */

static const char *host_of(const onvif_peer *peer)
{
    return peer->names_host ? peer->names_host : "127.0.0.1";
}

static const char *scheme_of(const onvif_peer *peer)
{
    return peer->tls_cert ? "https" : "http";
}

static void service(const onvif_peer *peer, vd_buf *out, const char *space, const char *path,
                    int major)
{
    vd_buf_addf(out,
                "<tds:Service><tds:Namespace>%s</tds:Namespace><tds:XAddr>%s://%s:%u/onvif/%s"
                "</tds:XAddr><tds:Version><tt:Major>%d</tt:Major><tt:Minor>6</tt:Minor>"
                "</tds:Version></tds:Service>",
                space, scheme_of(peer), host_of(peer), peer->port, path, major);
}

static void get_services(const onvif_peer *peer, vd_buf *out)
{
    vd_buf_add_str(out, "<tds:GetServicesResponse>");
    service(peer, out, "http://www.onvif.org/ver10/device/wsdl", "device_service", 2);
    service(peer, out, "http://www.onvif.org/ver10/media/wsdl", "media", 2);
    service(peer, out, "http://www.onvif.org/ver20/media/wsdl", "media2", 2);
    if (!peer->no_ptz) service(peer, out, "http://www.onvif.org/ver20/ptz/wsdl", "ptz", 2);
    vd_buf_add_str(out, "</tds:GetServicesResponse>");
}

static void capability(const onvif_peer *peer, vd_buf *out, const char *name, const char *path)
{
    vd_buf_addf(out, "<tt:%s><tt:XAddr>%s://%s:%u/onvif/%s</tt:XAddr></tt:%s>", name,
                scheme_of(peer), host_of(peer), peer->port, path, name);
}

static void get_capabilities(const onvif_peer *peer, vd_buf *out)
{
    vd_buf_add_str(out, "<tds:GetCapabilitiesResponse><tds:Capabilities>");
    capability(peer, out, "Device", "device_service");
    capability(peer, out, "Media", "media");
    if (!peer->no_ptz) capability(peer, out, "PTZ", "ptz");
    vd_buf_add_str(out, "</tds:Capabilities></tds:GetCapabilitiesResponse>");
}

static void get_time(const onvif_peer *peer, vd_buf *out)
{
    const time_t now = (time_t)(own_clock_us(peer) / 1000000);
    struct tm t;

    gmtime_r(&now, &t);
    vd_buf_add_str(out, "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
                        "<tt:DateTimeType>Manual</tt:DateTimeType>"
                        "<tt:DaylightSavings>false</tt:DaylightSavings>");
    if (!peer->clock_untold)
        vd_buf_addf(out,
                    "<tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute>"
                    "<tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year>"
                    "<tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime>",
                    t.tm_hour, t.tm_min, t.tm_sec, t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
    vd_buf_add_str(out, "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>");
}

typedef struct {
    const char *token, *name, *encoding;
    int width, height;
} stream;
static const stream streams[] = {
    { "tiny", "Thumb", "H264", 160, 90 },
    { "main_1", "Main & large", "H265", 2560, 1440 },
    { "sub_1", "Small", "H264", 640, 360 },
    { "still", "Still", "JPEG", 1920, 1080 },
};

static bool has(const onvif_peer *peer, const stream *s)
{
    if (peer->no_small && strcmp(s->token, "main_1") != 0) return false;
    return true;
}

static const char *encoding_of(const onvif_peer *peer, const stream *s, bool media2)
{
    if (peer->no_h26x) return "MPEG4";
    return !media2 && strcmp(s->encoding, "H265") == 0 ? "H264" : s->encoding;
}

static void get_profiles2(const onvif_peer *peer, vd_buf *out)
{
    vd_buf_add_str(out, "<tr2:GetProfilesResponse>");
    for (size_t i = 0; i < VD_COUNT_OF(streams); i++) {
        const stream *s = &streams[i];
        if (!has(peer, s)) continue;
        vd_buf_addf(out, "<tr2:Profiles token=\"%s\" fixed=\"true\"><tr2:Name>", s->token);
        vd_buf_add_str(out, i == 1 ? "Main &amp; large" : s->name);
        vd_buf_addf(out,
                    "</tr2:Name><tr2:Configurations><tr2:VideoSource token=\"vsc\"><tt:Name>v"
                    "</tt:Name><tt:UseCount>4</tt:UseCount><tt:SourceToken>lens_1</tt:SourceToken>"
                    "<tt:Bounds x=\"0\" y=\"0\" width=\"2560\" height=\"1440\"/></tr2:VideoSource>"
                    "<tr2:VideoEncoder token=\"enc_%zu\" GovLength=\"50\"><tt:Name>e</tt:Name>"
                    "<tt:UseCount>1</tt:UseCount><tt:Encoding>%s</tt:Encoding><tt:Resolution>"
                    "<tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution>"
                    "<tt:RateControl ConstantBitRate=\"false\"><tt:FrameRateLimit>25"
                    "</tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
                    "<tt:Quality>5</tt:Quality></tr2:VideoEncoder>",
                    i, encoding_of(peer, s, true), s->width, s->height);
        if (!peer->no_ptz)
            vd_buf_add_str(out, "<tr2:PTZ token=\"ptz\"><tt:Name>p</tt:Name><tt:UseCount>4"
                                "</tt:UseCount><tt:NodeToken>node</tt:NodeToken></tr2:PTZ>");
        vd_buf_add_str(out, "</tr2:Configurations></tr2:Profiles>");
    }
    vd_buf_add_str(out, "</tr2:GetProfilesResponse>");
}

static void get_profiles1(const onvif_peer *peer, vd_buf *out)
{
    vd_buf_add_str(out, "<trt:GetProfilesResponse>");
    for (size_t i = 0; i < VD_COUNT_OF(streams); i++) {
        const stream *s = &streams[i];
        if (!has(peer, s)) continue;
        vd_buf_addf(
            out,
            "<trt:Profiles token=\"%s\" fixed=\"true\"><tt:Name>%s</tt:Name>"
            "<tt:VideoSourceConfiguration token=\"vsc\"><tt:Name>v</tt:Name><tt:UseCount>4"
            "</tt:UseCount><tt:SourceToken>lens_1</tt:SourceToken><tt:Bounds x=\"0\" y=\"0\" "
            "width=\"2560\" height=\"1440\"/></tt:VideoSourceConfiguration>"
            "<tt:VideoEncoderConfiguration token=\"enc_%zu\"><tt:Name>e</tt:Name><tt:UseCount>1"
            "</tt:UseCount><tt:Encoding>%s</tt:Encoding><tt:Resolution><tt:Width>%d</tt:Width>"
            "<tt:Height>%d</tt:Height></tt:Resolution><tt:Quality>5</tt:Quality><tt:RateControl>"
            "<tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
            "<tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
            "</tt:VideoEncoderConfiguration>%s</trt:Profiles>",
            s->token, i == 1 ? "Main &amp; large" : s->name, i, encoding_of(peer, s, false),
            s->width, s->height,
            peer->no_ptz ? ""
                         : "<tt:PTZConfiguration token=\"ptz\"><tt:Name>p</tt:Name><tt:UseCount>4"
                           "</tt:UseCount><tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>");
    }
    vd_buf_add_str(out, "</trt:GetProfilesResponse>");
}

static void get_stream(const onvif_peer *peer, vd_buf *out, const char *body, bool media2)
{
    char token[65];
    char url[256];

    element(body, "ProfileToken", token, sizeof token);
    const char *fixed = strcmp(token, "main_1") == 0 ? peer->main_url : peer->sub_url;
    snprintf(url, sizeof url, "rtsp://%s:554/%s?a=1&amp;b=2", host_of(peer), token);
    vd_buf_addf(out,
                media2 ? "<tr2:GetStreamUriResponse><tr2:Uri>%s</tr2:Uri>"
                         "</tr2:GetStreamUriResponse>"
                       : "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>%s</tt:Uri>"
                         "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                         "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
                         "<tt:Timeout>PT60S</tt:Timeout></trt:MediaUri>"
                         "</trt:GetStreamUriResponse>",
                fixed ? fixed : url);
}

static void get_presets(vd_buf *out)
{
    vd_buf_add_str(out, "<tptz:GetPresetsResponse><tptz:Preset token=\"1\"><tt:Name>Gate</tt:Name>"
                        "<tt:PTZPosition><tt:PanTilt x=\"0.5\" y=\"0\"/><tt:Zoom x=\"0\"/>"
                        "</tt:PTZPosition></tptz:Preset><tptz:Preset token=\"2\"><tt:Name>Loading "
                        "ramp</tt:Name></tptz:Preset></tptz:GetPresetsResponse>");
}

/* False: a fault is in place. */
static bool fault(vd_buf *out, const char *code, const char *subcode, const char *reason)
{
    vd_buf_addf(out,
                "<s:Fault><s:Code><s:Value>s:%s</s:Value><s:Subcode><s:Value>ter:%s</s:Value>"
                "</s:Subcode></s:Code><s:Reason><s:Text xml:lang=\"en\">%s</s:Text></s:Reason>"
                "</s:Fault>",
                code, subcode, reason);
    return false;
}

static bool go_to(onvif_peer *peer, vd_buf *out, const char *body)
{
    char token[65];

    element(body, "PresetToken", token, sizeof token);
    if (strcmp(token, "1") != 0 && strcmp(token, "2") != 0)
        return fault(out, "Sender", "InvalidArgVal", "no such preset");
    memcpy(peer->moved_to, token, sizeof token);
    vd_buf_add_str(out, "<tptz:GotoPresetResponse/>");
    return true;
}

static bool answer_media(onvif_peer *peer, vd_buf *out, const char *body, const char *what,
                         bool media2)
{
    if (media2 && peer->media2_broken)
        return fault(out, "Receiver", "ActionNotSupported", "not implemented");
    if (strcmp(what, "GetProfiles") == 0) {
        if (media2)
            get_profiles2(peer, out);
        else
            get_profiles1(peer, out);
        return true;
    }
    if (strcmp(what, "GetStreamUri") == 0) {
        get_stream(peer, out, body, media2);
        return true;
    }
    vd_buf_add_str(out, "<trt:GetVideoSourcesResponse><trt:VideoSources token=\"lens_1\">"
                        "<tt:Framerate>25</tt:Framerate><tt:Resolution><tt:Width>2560</tt:Width>"
                        "<tt:Height>1440</tt:Height></tt:Resolution></trt:VideoSources>"
                        "</trt:GetVideoSourcesResponse>");
    return true;
}

static bool answer_device(onvif_peer *peer, vd_buf *out, const char *what)
{
    if (strcmp(what, "GetSystemDateAndTime") == 0) {
        get_time(peer, out);
    } else if (strcmp(what, "GetServices") == 0) {
        if (peer->no_services)
            return fault(out, "Receiver", "ActionNotSupported", "not implemented");
        get_services(peer, out);
    } else if (strcmp(what, "GetCapabilities") == 0) {
        get_capabilities(peer, out);
    } else {
        vd_buf_add_str(out, "<tds:GetDeviceInformationResponse><tds:Manufacturer>Vedette"
                            "</tds:Manufacturer><tds:Model>Sim 4</tds:Model><tds:FirmwareVersion>"
                            "1.2.3</tds:FirmwareVersion><tds:SerialNumber>0815</tds:SerialNumber>"
                            "<tds:HardwareId>S4</tds:HardwareId>"
                            "</tds:GetDeviceInformationResponse>");
    }
    return true;
}

static const char *operation_of(const char *body)
{
    static const char *const known[] = {
        "GetSystemDateAndTime", "GetServices", "GetCapabilities",
        "GetDeviceInformation", "GetProfiles", "GetStreamUri",
        "GetVideoSources",      "GetPresets",  "GotoPreset",
    };
    char text[8];

    for (size_t i = 0; i < VD_COUNT_OF(known); i++)
        if (element(body, known[i], text, sizeof text)) return known[i];
    return "";
}

static bool answer(onvif_peer *peer, vd_buf *out, const char *url, const char *body,
                   const char *what)
{
    const bool open = strcmp(what, "GetSystemDateAndTime") == 0;

    if (!open && peer->user && !peer->http_digest && !token_fits(peer, body)) {
        peer->denied++;
        return fault(out, "Sender", "NotAuthorized", "Sender not authorized");
    }
    if (!what[0]) return fault(out, "Receiver", "ActionNotSupported", "not implemented");
    if (strcmp(what, "GetPresets") == 0) {
        get_presets(out);
        return true;
    }
    if (strcmp(what, "GotoPreset") == 0) return go_to(peer, out, body);
    if (strstr(url, "/media")) return answer_media(peer, out, body, what, strstr(url, "/media2"));
    return answer_device(peer, out, what);
}

/* ---- HTTP ---- */

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *type, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                        MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", type);
    const enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result send_answer(onvif_peer *peer, struct MHD_Connection *connection,
                                   const char *url, const char *body)
{
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    const char *what = operation_of(body);

    if (peer->raw && (!peer->raw_for[0] || strcmp(peer->raw_for, what) == 0))
        return send_text(connection, peer->raw_status ? peer->raw_status : 200,
                         peer->raw_type ? peer->raw_type : "application/soap+xml", peer->raw);
    vd_buf_add_str(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope "
                         "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
                         "xmlns:ter=\"http://www.onvif.org/ver10/error\" "
                         "xmlns:tt=\"http://www.onvif.org/ver10/schema\" "
                         "xmlns:tds=\"http://www.onvif.org/ver10/device/wsdl\" "
                         "xmlns:trt=\"http://www.onvif.org/ver10/media/wsdl\" "
                         "xmlns:tr2=\"http://www.onvif.org/ver20/media/wsdl\" "
                         "xmlns:tptz=\"http://www.onvif.org/ver20/ptz/wsdl\"><s:Body>");
    const bool good = answer(peer, &out, url, body, what);
    vd_buf_add_str(&out, "</s:Body></s:Envelope>");
    return send_text(connection, good ? 200 : 400, "application/soap+xml; charset=utf-8", out.data);
}

/* MHD_YES when who asks has signed in. */
static bool signed_in(onvif_peer *peer, struct MHD_Connection *connection, const char *body,
                      enum MHD_Result *ret_queued)
{
    if (!peer->http_digest || !peer->user || strstr(body, "GetSystemDateAndTime")) return true;
    const enum MHD_DigestAuthAlgorithm hash =
        peer->http_sha256 ? MHD_DIGEST_ALG_SHA256 : MHD_DIGEST_ALG_MD5;
    char *who = MHD_digest_auth_get_username(connection);
    const int good =
        who ? MHD_digest_auth_check2(connection, REALM, peer->user, peer->password, 300, hash)
            : MHD_NO;
    MHD_free(who);
    if (good == MHD_YES) return true;
    peer->denied++;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    *ret_queued = MHD_queue_auth_fail_response2(connection, REALM, "opaque", response,
                                                good == MHD_INVALID_NONCE, hash);
    MHD_destroy_response(response);
    return false;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    onvif_peer *peer = arg;
    request *r = *state;
    enum MHD_Result queued = MHD_NO;

    (void)method, (void)version;
    if (!r) {
        *state = r = calloc(1, sizeof *r);
        if (r) r->body = VD_BUF(65536);
        return r ? MHD_YES : MHD_NO;
    }
    if (*data_len) {
        vd_buf_add(&r->body, vd_slice_of(data, *data_len));
        *data_len = 0;
        return MHD_YES;
    }
    const char *body = r->body.data ? r->body.data : "";
    pthread_mutex_lock(&peer->lock);
    peer->asked++;
    snprintf(peer->last_request, sizeof peer->last_request, "%s", body);
    if (signed_in(peer, connection, body, &queued))
        queued = send_answer(peer, connection, url, body);
    pthread_mutex_unlock(&peer->lock);
    return queued;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    request *r = *state;

    (void)arg, (void)connection, (void)code;
    if (!r) return;
    vd_buf_done(&r->body);
    free(r);
    *state = NULL;
}

/* ---- WS-Discovery ---- */

static void match_make(const onvif_peer *peer, const char *probe, vd_buf *out)
{
    char id[128];

    element(probe, "MessageID", id, sizeof id);
    vd_buf_addf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope "
        "xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\" "
        "xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" "
        "xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" "
        "xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\"><SOAP-ENV:Header><wsa:MessageID>"
        "uuid:1</wsa:MessageID><wsa:RelatesTo>%s</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body>"
        "<d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:vedette-%u"
        "</wsa:Address></wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>"
        "<d:Scopes>onvif://www.onvif.org/Profile/Streaming "
        "onvif://www.onvif.org/name/Yard%%20North onvif://www.onvif.org/hardware/Sim-4</d:Scopes>"
        "<d:XAddrs>http://10.99.99.99/onvif/device_service "
        "http://%s:%u/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>"
        "</d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>",
        id, peer->port, host_of(peer), peer->port);
}

/* Until a datagram that is no probe. */
static void *probe_run(void *arg)
{
    const onvif_peer *peer = arg;
    char probe[8192];

    for (;;) {
        VD_AUTO(vd_buf) out = VD_BUF(16384);
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        const ssize_t len = recvfrom(peer->probe_fd, probe, sizeof probe - 1, 0,
                                     (struct sockaddr *)&from, &from_len);
        if (len < 0) return NULL;
        probe[len] = '\0';
        if (!strstr(probe, "NetworkVideoTransmitter")) return NULL;
        if (peer->raw_datagram)
            sendto(peer->probe_fd, peer->raw_datagram, strlen(peer->raw_datagram), 0,
                   (const struct sockaddr *)&from, from_len);
        match_make(peer, probe, &out);
        for (int i = 0; i < 2; i++) /* cameras say it twice */
            sendto(peer->probe_fd, out.data, out.len, 0, (const struct sockaddr *)&from, from_len);
    }
}

static void probe_open(onvif_peer *peer)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof own;

    peer->probe_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(peer->probe_fd, (const struct sockaddr *)&own, sizeof own) != 0 ||
        getsockname(peer->probe_fd, (struct sockaddr *)&own, &len) != 0 ||
        pthread_create(&peer->prober, NULL, probe_run, peer) != 0)
        abort();
    peer->probe_port = ntohs(own.sin_port);
}

void onvif_peer_open(onvif_peer *peer)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    const bool tls = peer->tls_cert != NULL;
    const struct MHD_OptionItem cert[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)peer->tls_cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)peer->tls_key },
        { MHD_OPTION_END, 0, NULL }
    };

    pthread_mutex_init(&peer->lock, NULL);
    peer->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | (tls ? (unsigned)MHD_USE_TLS : 0u), 0,
                         NULL, NULL, on_request, peer, MHD_OPTION_ARRAY, tls ? cert : cert + 2,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_SOCK_ADDR,
                         &own, MHD_OPTION_DIGEST_AUTH_RANDOM, (size_t)8, "vedette1",
                         MHD_OPTION_NONCE_NC_SIZE, 300u, MHD_OPTION_END);
    if (!peer->daemon) abort();
    peer->port = MHD_get_daemon_info(peer->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    probe_open(peer);
}

void onvif_peer_close(onvif_peer *peer)
{
    struct sockaddr_in own = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)peer->probe_port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    sendto(peer->probe_fd, "end", 3, 0, (const struct sockaddr *)&own, sizeof own);
    pthread_join(peer->prober, NULL);
    close(peer->probe_fd);
    MHD_stop_daemon(peer->daemon);
    pthread_mutex_destroy(&peer->lock);
}
