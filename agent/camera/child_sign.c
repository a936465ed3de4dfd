/* child_sign.c - the answer to "WWW-Authenticate": Digest (RFC 7616: SHA-512-256, SHA-256, MD5,
 * each also with -sess) and Basic (RFC 7617). The strongest that is offered is taken; a camera may
 * offer several in one header or in several. Parameters are kept as they came between their quotes.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "child_web_priv.h"
#include "vd/blob.h"
#include "vd/secret.h"

static const struct {
    const char *name, *hash;
} algorithms[] = { { "MD5", "MD5" }, { "SHA-256", "SHA2-256" }, { "SHA-512-256", "SHA2-512/256" } };

/* Basic is 1, an algorithm its place in the table and 2; 0: nothing that we know. */
static unsigned strength_of(const sign_offer *offer)
{
    char name[sizeof offer->algorithm];
    const size_t len = strlen(offer->algorithm);
    const bool session = len > 5 && strcasecmp(offer->algorithm + len - 5, "-sess") == 0;

    if (strcasecmp(offer->scheme, "Basic") == 0) return 1;
    if (strcasecmp(offer->scheme, "Digest") != 0 || !offer->nonce[0]) return 0;
    if (offer->qop_given && !offer->qop_auth) return 0; /* auth-int alone */
    snprintf(name, sizeof name, "%.*s", (int)(session ? len - 5 : len), offer->algorithm);
    for (unsigned i = 0; i < VD_COUNT_OF(algorithms); i++)
        if (strcasecmp(name[0] ? name : "MD5", algorithms[i].name) == 0) return i + 2;
    return 0;
}

/* ---- what is offered ---- */

static size_t token_len(const char *at)
{
    return strcspn(at, " \t,=\"");
}

static const char *skip(const char *at, const char *what)
{
    return at + strspn(at, what);
}

/* The value behind '=', with or without quotes; returns what follows it. */
static const char *value_take(const char *at, char *into, size_t room)
{
    size_t len = 0;

    at = skip(at, " \t");
    const bool quoted = *at == '"';
    at += quoted;
    for (; *at && (quoted ? *at != '"' : *at != ',' && *at != ' ' && *at != '\t'); at++) {
        if (quoted && *at == '\\' && at[1] && len + 1 < room) into[len++] = *at++;
        if (len + 1 < room) into[len++] = *at;
    }
    into[len] = 0;
    return quoted && *at ? at + 1 : at;
}

/* "auth" among "auth-int, auth". */
static bool lists_auth(const char *list)
{
    for (list = skip(list, " ,"); *list; list = skip(list, " ,")) {
        const size_t len = strcspn(list, " ,");
        if (len == 4 && strncasecmp(list, "auth", 4) == 0) return true;
        list += len;
    }
    return false;
}

static void parameter_keep(sign_offer *offer, const char *name, size_t len, const char *value)
{
    const struct {
        const char *name;
        char *into;
        size_t room;
    } kept[] = { { "realm", offer->realm, sizeof offer->realm },
                 { "nonce", offer->nonce, sizeof offer->nonce },
                 { "opaque", offer->opaque, sizeof offer->opaque },
                 { "algorithm", offer->algorithm, sizeof offer->algorithm } };

    for (size_t i = 0; i < VD_COUNT_OF(kept); i++)
        if (strlen(kept[i].name) == len && strncasecmp(name, kept[i].name, len) == 0)
            snprintf(kept[i].into, kept[i].room, "%s", value);
    if (len == 3 && strncasecmp(name, "qop", 3) == 0) {
        offer->qop_given = true;
        offer->qop_auth = lists_auth(value);
    }
    if (len == 5 && strncasecmp(name, "stale", 5) == 0) offer->stale = !strcasecmp(value, "true");
    if (len == 8 && strncasecmp(name, "userhash", 8) == 0)
        offer->userhash = !strcasecmp(value, "true");
}

static void offer_keep(const sign_offer *offer, sign_offer *best)
{
    if (strength_of(offer) > strength_of(best)) *best = *offer;
}

/* What is offered comes back in our next request: it must not begin a line there. */
static bool one_line(const char *header)
{
    while (*header && (*header == '\t' || !iscntrl((unsigned char)*header))) header++;
    return *header == 0;
}

void sign_offered(const char *header, sign_offer *best)
{
    char value[SIGN_ROOM];
    sign_offer now = { .scheme = "" };

    if (!one_line(header)) return;
    for (const char *at = skip(header, " \t,"); *at; at = skip(at, " \t,")) {
        const size_t len = token_len(at);
        const char *after = skip(at + len, " \t");
        if (len == 0) {
            at++; /* a stray '=' or quote */
        } else if (*after == '=') {
            const char *name = at;
            at = value_take(after + 1, value, sizeof value);
            parameter_keep(&now, name, len, value);
        } else {
            offer_keep(&now, best);
            now = (sign_offer){ .scheme = "" };
            snprintf(now.scheme, sizeof now.scheme, "%.*s", (int)len, at);
            at += len;
        }
    }
    offer_keep(&now, best);
}

/* ---- the answer ---- */

static bool hash_of(const char *hash, const vd_buf *text, char into[SIGN_HASH_ROOM])
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    const bool good = md && EVP_Digest(text->data, text->len, bytes, &len, md, NULL) == 1;

    EVP_MD_free(md);
    into[0] = 0;
    for (unsigned i = 0; good && i < len; i++) snprintf(into + 2 * i, 3, "%02x", bytes[i]);
    return good;
}

/* The hash of "a:b:c"; NULL ends the parts. */
static bool hash_parts(const char *hash, const char *const *parts, char into[SIGN_HASH_ROOM])
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    bool good = true;

    for (size_t i = 0; good && parts[i]; i++)
        good = (i == 0 || vd_buf_add_byte(&text, ':')) && vd_buf_add_str(&text, parts[i]);
    good = good && hash_of(hash, &text, into);
    if (text.data) vd_wipe(text.data, text.len);
    return good;
}

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* HA1 of the RFC. */
static bool secret_hash(const sign_offer *offer, const char *hash, const sign_who *who,
                        char into[SIGN_HASH_ROOM])
{
    const size_t len = strlen(offer->algorithm);

    if (!hash_parts(hash, PARTS(who->user, offer->realm, who->password), into)) return false;
    if (len <= 5 || strcasecmp(offer->algorithm + len - 5, "-sess") != 0) return true;
    return hash_parts(hash, PARTS(into, offer->nonce, who->cnonce), into);
}

static bool quoted_add(vd_buf *into, const char *text)
{
    bool good = vd_buf_add_byte(into, '"');

    for (; good && *text; text++)
        good = ((*text != '"' && *text != '\\') || vd_buf_add_byte(into, '\\')) &&
               vd_buf_add_byte(into, (uint8_t)*text);
    return good && vd_buf_add_byte(into, '"');
}

/* The response of the RFC. */
static bool answer_hash(const sign_offer *offer, const sign_who *who, const char *hash,
                        char into[SIGN_HASH_ROOM])
{
    char secret[SIGN_HASH_ROOM], request[SIGN_HASH_ROOM];
    bool good =
        secret_hash(offer, hash, who, secret) && hash_parts(hash, PARTS("GET", who->path), request);

    if (good && offer->qop_auth)
        good =
            hash_parts(hash, PARTS(secret, offer->nonce, "00000001", who->cnonce, "auth", request),
                       into);
    else if (good)
        good = hash_parts(hash, PARTS(secret, offer->nonce, request), into);
    vd_wipe(secret, sizeof secret);
    return good;
}

static bool digest_add(const sign_offer *offer, const sign_who *who, const char *hash, vd_buf *into)
{
    char answer[SIGN_HASH_ROOM], name[SIGN_HASH_ROOM];

    if (!answer_hash(offer, who, hash, answer) ||
        !hash_parts(hash, PARTS(who->user, offer->realm), name))
        return false;
    bool good = vd_buf_add_str(into, "Digest username=") &&
                quoted_add(into, offer->userhash ? name : who->user) &&
                vd_buf_addf(into, ", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\"",
                            offer->realm, offer->nonce, who->path, answer);
    if (good && offer->algorithm[0]) good = vd_buf_addf(into, ", algorithm=%s", offer->algorithm);
    if (good && offer->opaque[0]) good = vd_buf_addf(into, ", opaque=\"%s\"", offer->opaque);
    if (good && offer->userhash) good = vd_buf_add_str(into, ", userhash=true");
    if (good && offer->qop_auth)
        good = vd_buf_addf(into, ", qop=auth, nc=00000001, cnonce=\"%s\"", who->cnonce);
    return good;
}

static bool basic_add(const sign_who *who, vd_buf *into)
{
    VD_AUTO(vd_buf) both = VD_BUF(1024);
    const bool good = vd_buf_addf(&both, "%s:%s", who->user, who->password) &&
                      vd_buf_add_str(into, "Basic ") && vd_base64_encode(vd_buf_slice(&both), into);

    if (both.data) vd_wipe(both.data, both.len);
    return good;
}

bool sign_add(const sign_offer *offer, const sign_who *who, vd_buf *into)
{
    const unsigned strength = strength_of(offer);

    if (strength == 0) return false;
    return strength == 1 ? basic_add(who, into)
                         : digest_add(offer, who, algorithms[strength - 2].hash, into);
}
