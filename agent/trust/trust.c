#include "trust.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

/* "sha256:" and 64 hex digits, which may have colons between them as openssl writes them. */
static bool pin_read(const char *text, vd_digest *ret_pin)
{
    static const char head[] = "sha256:";
    char hex[VD_SHA256_HEX + 1];
    size_t len = 0;

    if (strncmp(text, head, sizeof head - 1) != 0) return false;
    for (text += sizeof head - 1; *text; text++) {
        if (*text == ':' && len && len % 2 == 0) continue;
        if (len == VD_SHA256_HEX) return false;
        hex[len++] = (char)tolower((unsigned char)*text);
    }
    return vd_digest_parse(vd_slice_of(hex, len), ret_pin);
}

vd_err vd_trust_check(const vd_trust_config *config, vd_why *why)
{
    vd_digest pin;
    const int count = (config->ca_file != NULL) + (config->fingerprint != NULL) + config->insecure;

    if (count > 1) {
        vd_fail(why, VD_INVALID, "only one of ca_file, fingerprint and insecure makes sense");
        vd_why_hint(why, "fingerprint takes one certificate alone, insecure takes any");
        return VD_INVALID;
    }
    if (!config->fingerprint || pin_read(config->fingerprint, &pin)) return VD_OK;
    vd_fail(why, VD_INVALID, "'%.80s' is no fingerprint", config->fingerprint);
    vd_why_hint(why, "sha256: and 64 hex digits, as 'openssl x509 -noout -fingerprint -sha256' "
                     "writes them");
    return VD_INVALID;
}

static void see(vd_trust *trust, X509_STORE_CTX *store)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509 *shown = X509_STORE_CTX_get0_cert(store);

    if (!shown || X509_digest(shown, EVP_sha256(), hash, &len) != 1) return;
    for (unsigned i = 0; i < len && 2 * i < VD_SHA256_HEX; i++)
        snprintf(trust->seen.hex + 2 * i, 3, "%02x", hash[i]);
}

/* OpenSSL asks this once for each handshake. */
static int look(X509_STORE_CTX *store, void *arg)
{
    vd_trust *trust = arg;

    trust->seen = (vd_digest){ "" };
    see(trust, store);
    if (trust->config.insecure)
        X509_STORE_CTX_set_error(store, X509_V_OK);
    else if (trust->pin.hex[0])
        X509_STORE_CTX_set_error(store, strcmp(trust->pin.hex, trust->seen.hex) == 0
                                            ? X509_V_OK
                                            : X509_V_ERR_CERT_REJECTED);
    else
        (void)X509_verify_cert(store);
    trust->error = X509_STORE_CTX_get_error(store);
    return trust->error == X509_V_OK;
}

vd_err vd_trust_open(vd_trust *trust, const vd_trust_config *config, SSL_CTX *ctx, vd_why *why)
{
    *trust = (vd_trust){ .config = *config };
    vd_err err = vd_trust_check(config, why);
    if (err) return err;
    if (config->fingerprint) (void)pin_read(config->fingerprint, &trust->pin);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, look, trust);
    SSL_CTX_set_default_verify_paths(ctx);
    /* Who names the camera's own certificate means that one. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    if (!config->ca_file || SSL_CTX_load_verify_file(ctx, config->ca_file) == 1) return VD_OK;
    ERR_clear_error();
    vd_fail(why, VD_INVALID, "ca_file cannot be read: %s",
            access(config->ca_file, R_OK) == 0 ? "it holds no certificate" : strerror(errno));
    vd_why_detail(why, "%.300s", config->ca_file);
    vd_why_hint(why, "a file of certificates in PEM, that the agent may read");
    return VD_INVALID;
}

static vd_err denied(const vd_trust *trust, const char *url, const char *fact, vd_why *why)
{
    vd_fail(why, VD_DENIED, "%s", fact);
    vd_why_detail(why, "%.160s: %.60s; it shows sha256:%s", url,
                  X509_verify_cert_error_string(trust->error), trust->seen.hex);
    vd_why_hint(why,
                trust->pin.hex[0]
                    ? "if the camera has got a new certificate, write its fingerprint; if not, "
                      "somebody is between"
                    : "ca_file: names who signed it; fingerprint: takes the one it shows, once "
                      "you are sure that it is the camera's; insecure: true takes any");
    return VD_DENIED;
}

vd_err vd_trust_explain(const vd_trust *trust, const char *url, vd_why *why)
{
    switch (trust->error) {
    case X509_V_OK: return VD_OK;
    case X509_V_ERR_CERT_REJECTED:
        return denied(trust, url, "the camera shows another certificate than the pinned one", why);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return denied(trust, url, "the camera's certificate has expired", why);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return denied(trust, url, "the camera's certificate is not valid yet", why);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return vd_trust_other_name(trust, url, why);
    default:
        return denied(trust, url, "nobody whom we trust has signed the camera's certificate", why);
    }
}

vd_err vd_trust_other_name(const vd_trust *trust, const char *url, vd_why *why)
{
    return denied(trust, url, "the camera's certificate is for another name", why);
}
