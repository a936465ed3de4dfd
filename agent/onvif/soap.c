/* soap.c - one request and its answer.
 *
 *   POST  without sign-in by HTTP ──▶ 200: done
 *                                 └─▶ 401: again with HTTP digest, as from now on
 *
 * A password travels in two ways, both digests: WS-Security UsernameToken in the SOAP header, with
 * nonce and the camera's own time, and HTTP digest. Basic is never used. */
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "onvif_priv.h"
#include "vd/blob.h"
#include "vd/clock.h"

#define NONCE_BYTES 16
#define SHA1_BYTES  20
#define CONNECT_MS  3000L
#define WSS         "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"

/* ---- the request ---- */

/* base64(SHA-1(nonce, created, password)), as the UsernameToken profile says. */
static bool digest_add(vd_buf *into, const uint8_t nonce[NONCE_BYTES], const char *created,
                       const char *password)
{
    uint8_t digest[SHA1_BYTES];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    bool good = hash && EVP_DigestInit_ex(hash, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(hash, nonce, NONCE_BYTES) == 1 &&
                EVP_DigestUpdate(hash, created, strlen(created)) == 1 &&
                EVP_DigestUpdate(hash, password, strlen(password)) == 1 &&
                EVP_DigestFinal_ex(hash, digest, NULL) == 1;
    EVP_MD_CTX_free(hash);
    return good && vd_base64_encode(vd_slice_of(digest, sizeof digest), into);
}

static bool sign_in_add(const vd_onvif *camera, vd_buf *into)
{
    uint8_t nonce[NONCE_BYTES];
    char created[VD_UTC_TEXT_ROOM];

    vd_random(nonce, sizeof nonce);
    vd_utc_text(vd_clock_utc_us() + camera->clock_ahead_us, created);
    memcpy(created + 19, "Z", 2); /* whole seconds: some cameras read no fraction */
    return vd_buf_add_str(into,
                          "<wsse:Security s:mustUnderstand=\"1\" xmlns:wsse=\"" WSS
                          "wssecurity-secext-1.0.xsd\" xmlns:wsu=\"" WSS
                          "wssecurity-utility-1.0.xsd\"><wsse:UsernameToken><wsse:Username>") &&
           xml_add(into, camera->user) &&
           vd_buf_add_str(into, "</wsse:Username><wsse:Password Type=\"" WSS
                                "username-token-profile-1.0#PasswordDigest\">") &&
           digest_add(into, nonce, created, camera->password) &&
           vd_buf_add_str(into, "</wsse:Password><wsse:Nonce EncodingType=\"" WSS
                                "soap-message-security-1.0#Base64Binary\">") &&
           vd_base64_encode(vd_slice_of(nonce, sizeof nonce), into) &&
           vd_buf_addf(into,
                       "</wsse:Nonce><wsu:Created>%s</wsu:Created></wsse:UsernameToken>"
                       "</wsse:Security>",
                       created);
}

static vd_err request_make(vd_onvif *camera, bool sign_in, const char *body, vd_why *why)
{
    vd_buf *into = &camera->request;

    vd_buf_clear(into);
    const bool good =
        vd_buf_add_str(into, "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
                             "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header>") &&
        (!sign_in || !camera->user[0] || sign_in_add(camera, into)) &&
        vd_buf_add_str(into, "</s:Header><s:Body>") && vd_buf_add_str(into, body) &&
        vd_buf_add_str(into, "</s:Body></s:Envelope>");
    return good ? VD_OK : vd_fail(why, VD_FULL, "no memory for a request");
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    vd_onvif *camera = arg;

    if (vd_buf_add(&camera->answer, vd_slice_of(data, size * count))) return size * count;
    camera->too_long = true;
    return 0;
}

static int on_progress(void *arg, curl_off_t b, curl_off_t c, curl_off_t d, curl_off_t e)
{
    const vd_onvif *camera = arg;

    (void)b, (void)c, (void)d, (void)e;
    return camera->give_up && camera->give_up(camera->ctx);
}

/* Once for each context that curl makes, before the handshake. */
static CURLcode on_context(CURL *curl, void *ctx, void *arg)
{
    vd_onvif *camera = arg;

    (void)curl;
    return vd_trust_open(&camera->trust, &camera->trusted, ctx, &camera->trust_why)
               ? CURLE_SSL_CACERT_BADFILE
               : CURLE_OK;
}

static void set_up_trust(vd_onvif *camera)
{
    const bool named = !camera->trusted.insecure && !camera->trusted.fingerprint;

    camera->trust_why = (vd_why){ 0 };
    camera->trust = (vd_trust){ .error = X509_V_OK };
    curl_easy_setopt(camera->curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(camera->curl, CURLOPT_SSL_VERIFYHOST, named ? 2L : 0L);
    curl_easy_setopt(camera->curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
    curl_easy_setopt(camera->curl, CURLOPT_SSL_CTX_DATA, camera);
}

static void set_up(vd_onvif *camera, const char *url, char said[CURL_ERROR_SIZE])
{
    CURL *c = camera->curl;

    curl_easy_reset(c); /* keeps the connection */
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)camera->timeout_ms);
    set_up_trust(camera);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, said);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, camera->headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)camera->request.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, camera->request.data);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, camera);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, camera);
}

/* VD_OK: it is not the certificate that keeps us apart. */
static vd_err untrusted(const vd_onvif *camera, const char *url, CURLcode rc, vd_why *why)
{
    if (camera->trust_why.fact[0]) {
        if (why) *why = camera->trust_why;
        return VD_INVALID;
    }
    vd_err err = vd_trust_explain(&camera->trust, url, why);
    if (!err && rc == CURLE_PEER_FAILED_VERIFICATION)
        err = vd_trust_other_name(&camera->trust, url, why);
    return err;
}

static vd_err unreached(const vd_onvif *camera, const char *url, CURLcode rc, const char *said,
                        vd_why *why)
{
    if (camera->too_long) {
        (void)vd_fail(why, VD_INVALID, "the camera answers with more than %u bytes",
                      ONVIF_ANSWER_BYTES);
        vd_why_detail(why, "%.200s", url);
        return VD_INVALID;
    }
    vd_err err = untrusted(camera, url, rc, why);
    if (err) return err;
    if (rc == CURLE_ABORTED_BY_CALLBACK) return vd_fail(why, VD_GONE, "no longer wanted");
    (void)vd_fail(why, VD_RETRY,
                  rc == CURLE_OPERATION_TIMEDOUT ? "the camera does not answer ONVIF in time"
                                                 : "the camera cannot be reached by ONVIF");
    vd_why_detail(why, "%.180s: %.120s", url, said[0] ? said : curl_easy_strerror(rc));
    vd_why_hint(why, "is it switched on, and is its ONVIF port another one (10.0.0.7:8000)? "
                     "'vedette camera discover' lists the cameras on this network");
    return VD_RETRY;
}

/* One way there and back. */
static vd_err post(vd_onvif *camera, const char *url, bool sign_in, long *ret_status, vd_why *why)
{
    char said[CURL_ERROR_SIZE] = "";
    const char *ip = NULL;

    vd_buf_clear(&camera->answer);
    camera->too_long = false;
    set_up(camera, url, said);
    if (sign_in && camera->http_digest) {
        curl_easy_setopt(camera->curl, CURLOPT_HTTPAUTH, CURLAUTH_DIGEST);
        curl_easy_setopt(camera->curl, CURLOPT_USERNAME, camera->user);
        curl_easy_setopt(camera->curl, CURLOPT_PASSWORD, camera->password);
    }
    const CURLcode rc = curl_easy_perform(camera->curl);
    if (rc) return unreached(camera, url, rc, said, why);
    curl_easy_getinfo(camera->curl, CURLINFO_RESPONSE_CODE, ret_status);
    if (!curl_easy_getinfo(camera->curl, CURLINFO_PRIMARY_IP, &ip) && ip)
        (void)vd_slice_to_chars(vd_slice_str(ip), camera->ip, sizeof camera->ip);
    return VD_OK;
}

/* ---- the answer ---- */

static bool is_denied(const char *subcode)
{
    return strstr(subcode, "NotAuthorized") || strstr(subcode, "FailedAuthentication") ||
           strstr(subcode, "InvalidSecurity") || strstr(subcode, "FailedCheck");
}

static vd_err fault_read(const xml_node *fault, vd_why *why)
{
    char subcodes[256], reason[160];
    const xml_node *first = xml_get(fault, "Code/Subcode");

    snprintf(subcodes, sizeof subcodes, "%s %s %s", xml_text(first, "Value"),
             xml_text(first, "Subcode/Value"), xml_text(fault, "faultcode"));
    xml_clean(xml_text(fault, "Reason/Text"), reason, sizeof reason);
    if (!reason[0]) xml_clean(xml_text(fault, "faultstring"), reason, sizeof reason);
    vd_err err = VD_INVALID;
    if (is_denied(subcodes))
        err = vd_fail(why, VD_DENIED, "the camera refuses user or password");
    else if (strstr(subcodes, "ActionNotSupported"))
        err = vd_fail(why, VD_ABSENT, "the camera cannot do that");
    else if (strstr(subcodes, "InvalidArgVal"))
        err = vd_fail(why, VD_ABSENT, "the camera does not know what is asked for");
    else
        err = vd_fail(why, VD_INVALID, "the camera refuses");
    xml_clean(subcodes, subcodes, sizeof subcodes);
    vd_why_detail(why, "it says: %s (%s)", reason[0] ? reason : "nothing", subcodes);
    return err;
}

vd_err soap_read(vd_slice bytes, vd_arena *arena, const xml_node **ret_answer, vd_why *why)
{
    const xml_node *root = NULL;
    vd_err err = xml_read(bytes, arena, &root, why);

    if (err) return err == VD_INVALID ? VD_CORRUPT : err;
    const xml_node *body = xml_get(root, "Body");
    if (strcmp(root->name, "Envelope") != 0 || !body || !body->first) {
        char name[VD_ONVIF_TEXT_ROOM];
        xml_clean(root->name, name, sizeof name);
        (void)vd_fail(why, VD_INVALID, "the answer is no SOAP message");
        vd_why_detail(why, "it is a <%s>", name);
        return VD_CORRUPT;
    }
    if (strcmp(body->first->name, "Fault") == 0) return fault_read(body->first, why);
    *ret_answer = body->first;
    return VD_OK;
}

static bool looks_like_page(const vd_buf *answer)
{
    for (size_t i = 0; i + 5 < answer->len && i < 512; i++)
        if (strncasecmp(answer->data + i, "<html", 5) == 0) return true;
    return false;
}

/* Whoever answers there is no ONVIF camera, or not at this address. */
static vd_err stranger(const vd_onvif *camera, const char *url, long status, const vd_why *said,
                       vd_why *why)
{
    const bool page = looks_like_page(&camera->answer);

    (void)vd_fail(why, VD_INVALID,
                  page ? "a web page answers where ONVIF should be"
                       : "what answers there does not speak ONVIF");
    vd_why_detail(why, "%.140s answers with status %ld%s%.60s%s%.80s", url, status,
                  said->fact[0] ? ": " : "", said->fact, said->detail[0] ? ", " : "", said->detail);
    vd_why_hint(why, "switch ONVIF on in the camera's settings, or give its ONVIF port "
                     "(10.0.0.7:8000); 'vedette camera discover' shows it");
    return VD_INVALID;
}

static void explain_denial(const vd_onvif *camera, const char *url, vd_why *why)
{
    char said[sizeof why->detail];

    snprintf(said, sizeof said, "%s", why->detail);
    (void)vd_fail(why, VD_DENIED,
                  camera->user[0] ? "the camera refuses user or password"
                                  : "the camera wants user and password");
    vd_why_detail(why, "%.140s%s%.150s", url, said[0] ? ", " : "", said);
    vd_why_hint(why, camera->clock_known
                         ? "check both; many cameras keep ONVIF users apart from those of their "
                           "web page, and lock a user after some wrong tries"
                         : "check both, and the camera's clock: it does not tell its time, and "
                           "refuses whom it takes to be of another time than its own");
}

static vd_err understand(vd_onvif *camera, const char *url, long status,
                         const xml_node **ret_answer, vd_why *why)
{
    vd_arena_clear(camera->arena);
    vd_err err = soap_read(vd_buf_slice(&camera->answer), camera->arena, ret_answer, why);
    if (err && (status == 401 || status == 403)) err = VD_DENIED;
    if (err == VD_DENIED) explain_denial(camera, url, why);
    if (err == VD_CORRUPT) {
        const vd_why said = *why;
        err = stranger(camera, url, status, &said, why);
    }
    return err;
}

vd_err soap_call(vd_onvif *camera, const char *url, bool sign_in, const char *body,
                 const xml_node **ret_answer, vd_why *why)
{
    vd_why own = { 0 };
    long status = 0;

    vd_err err = request_make(camera, sign_in, body, &own);
    if (!err) err = post(camera, url, sign_in, &status, &own);
    if (!err && status == 401 && sign_in && camera->user[0] && !camera->http_digest) {
        camera->http_digest = true;
        err = request_make(camera, sign_in, body, &own);
        if (!err) err = post(camera, url, sign_in, &status, &own);
    }
    if (!err) err = understand(camera, url, status, ret_answer, &own);
    if (err && why) *why = own;
    return err;
}
