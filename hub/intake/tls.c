/* tls.c - a small authority of our own: ca.pem signs server.pem. Devices and browsers are given
 * ca.pem; it stays the same when the server's certificate is made anew. */
#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "intake.h"
#include "vd/blob.h"
#include "vd/file.h"

#define CA_DAYS     3650
#define SERVER_DAYS 397 /* browsers refuse longer ones */
#define RENEW_DAYS  30
#define NAMES_MAX   32

static void release_cert(X509 **cert)
{
    X509_free(*cert);
}
static void release_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static void release_bio(BIO **bio)
{
    BIO_free(*bio);
}
typedef X509 *cert_ptr;
typedef EVP_PKEY *key_ptr;
typedef BIO *bio_ptr;
VD_AUTO_DEFINE(cert_ptr, release_cert)
VD_AUTO_DEFINE(key_ptr, release_key)
VD_AUTO_DEFINE(bio_ptr, release_bio)

static vd_err fail_tls(vd_why *why, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    vd_err err = vd_fail(why, VD_IO, "%s", what);
    vd_why_detail(why, "%s", reason ? reason : "no reason given");
    ERR_clear_error();
    return err;
}

/* ---- names ---- */

typedef struct {
    char text[NAMES_MAX][256];
    size_t count;
} name_list;

static void add_name(name_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->text[i], name) == 0) return;
    }
    if (list->count == NAMES_MAX || !*name || strlen(name) > 253 || strpbrk(name, ",:;/ ")) {
        struct in6_addr v6; /* colons are for addresses only */
        if (list->count == NAMES_MAX || inet_pton(AF_INET6, name, &v6) != 1) return;
    }
    snprintf(list->text[list->count++], sizeof(list->text[0]), "%s", name);
}

static void collect_names(name_list *list, const char *const *more)
{
    char host[256] = "";
    static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
    for (size_t i = 0; i < VD_COUNT_OF(always); i++) add_name(list, always[i]);
    if (gethostname(host, sizeof(host) - 1) == 0) add_name(list, host);
    for (size_t i = 0; more && more[i]; i++) add_name(list, more[i]);
}

static bool is_address(const char *name)
{
    uint8_t bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool cert_has_name(X509 *cert, const char *name)
{
    if (is_address(name)) return X509_check_ip_asc(cert, name, 0) == 1;
    return X509_check_host(cert, name, 0, 0, NULL) == 1;
}

/* ---- making ---- */

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *cert)
{
    uint8_t bytes[16];
    vd_random(bytes, sizeof(bytes));
    bytes[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return ok;
}

/* Version, serial, times, subject; one hour of grace for clocks that are behind. */
static bool fill(X509 *cert, EVP_PKEY *key, const char *common_name, int days)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, 2) && set_serial(cert) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * 86400) &&
           X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"Vedette", -1, -1,
                                      0) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1,
                                      -1, 0) &&
           X509_set_pubkey(cert, key);
}

static vd_err save_pem(const char *path, unsigned mode, X509 *cert, X509 *chain, EVP_PKEY *key,
                       vd_why *why)
{
    VD_AUTO(bio_ptr) bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    if (ok && cert) ok = PEM_write_bio_X509(bio, cert);
    if (ok && chain) ok = PEM_write_bio_X509(bio, chain);
    if (ok && key) ok = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    char *text = NULL;
    long len = ok ? BIO_get_mem_data(bio, &text) : 0;
    if (!ok || len <= 0) return fail_tls(why, "a certificate cannot be written");
    return vd_file_save(path, mode, vd_slice_of(text, (size_t)len), why);
}

static vd_err make_ca(const char *cert_path, const char *key_path, vd_why *why)
{
    VD_AUTO(key_ptr) key = EVP_EC_gen("P-256");
    VD_AUTO(cert_ptr) cert = X509_new();
    char name[300] = "Vedette CA ", *host = name + strlen(name);
    if (gethostname(host, 200) != 0) *host = 0;
    name[63] = 0; /* a common name holds 64 at most */
    bool ok = key && cert && fill(cert, key, name, CA_DAYS) &&
              X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
              add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
              add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
              X509_sign(cert, key, EVP_sha256());
    if (!ok) return fail_tls(why, "the hub's own authority cannot be made");
    vd_err err = save_pem(key_path, 0600, NULL, NULL, key, why);
    return err ? err : save_pem(cert_path, 0644, cert, NULL, NULL, why);
}

static bool add_names(X509 *cert, X509 *ca, const name_list *names)
{
    VD_AUTO(vd_buf) text = VD_BUF(NAMES_MAX * 264);
    bool ok = true;
    for (size_t i = 0; ok && i < names->count; i++) {
        ok = vd_buf_addf(&text, "%s%s:%s", i ? "," : "", is_address(names->text[i]) ? "IP" : "DNS",
                         names->text[i]);
    }
    return ok && add_extension(cert, ca, NID_subject_alt_name, text.data);
}

static vd_err make_server(X509 *ca, EVP_PKEY *ca_key, const name_list *names,
                          const vd_tls_files *files, vd_why *why)
{
    VD_AUTO(key_ptr) key = EVP_EC_gen("P-256");
    VD_AUTO(cert_ptr) cert = X509_new();
    bool ok = key && cert && fill(cert, key, "Vedette hub", SERVER_DAYS) &&
              X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
              add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
              add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
              add_extension(cert, ca, NID_subject_key_identifier, "hash") &&
              add_extension(cert, ca, NID_authority_key_identifier, "keyid") &&
              add_names(cert, ca, names) && X509_sign(cert, ca_key, EVP_sha256());
    if (!ok) return fail_tls(why, "the hub's certificate cannot be made");
    vd_err err = save_pem(files->key, 0600, NULL, NULL, key, why);
    return err ? err : save_pem(files->certificate, 0644, cert, ca, NULL, why);
}

/* ---- reading ---- */

static X509 *load_cert(const char *path)
{
    VD_AUTO(bio_ptr) bio = BIO_new_file(path, "r");
    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

static EVP_PKEY *load_key(const char *path)
{
    VD_AUTO(bio_ptr) bio = BIO_new_file(path, "r");
    return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

/* Still good: of this authority, with its key, for all names, for a while. */
static bool server_fits(X509 *ca, const name_list *names, const vd_tls_files *files)
{
    VD_AUTO(cert_ptr) cert = load_cert(files->certificate);
    VD_AUTO(key_ptr) key = load_key(files->key);
    time_t soon = time(NULL) + RENEW_DAYS * 86400;
    bool fits = cert && key && X509_check_private_key(cert, key) == 1 &&
                X509_verify(cert, X509_get0_pubkey(ca)) == 1 &&
                X509_cmp_time(X509_get0_notAfter(cert), &soon) > 0;
    for (size_t i = 0; fits && i < names->count; i++) fits = cert_has_name(cert, names->text[i]);
    ERR_clear_error();
    return fits;
}

/* A folder somebody filled by hand (no ca.key) is used as it is. */
static bool brought_along(const vd_tls_files *files, const char *ca_key_path)
{
    return access(ca_key_path, F_OK) != 0 && access(files->certificate, F_OK) == 0 &&
           access(files->key, F_OK) == 0 && access(files->ca, F_OK) == 0;
}

vd_err vd_intake_tls_files(const char *folder, const char *const *names, vd_tls_files *ret_files,
                           vd_why *why)
{
    vd_tls_files files;
    char ca_key_path[512];
    if (strlen(folder) > 480) return vd_fail(why, VD_INVALID, "the folder's name is too long");
    snprintf(files.ca, sizeof(files.ca), "%s/ca.pem", folder);
    snprintf(files.certificate, sizeof(files.certificate), "%s/server.pem", folder);
    snprintf(files.key, sizeof(files.key), "%s/server.key", folder);
    snprintf(ca_key_path, sizeof(ca_key_path), "%s/ca.key", folder);
    vd_err err = vd_dir_make(folder, 0755, why);
    if (err) return err;
    *ret_files = files;
    if (brought_along(&files, ca_key_path)) return VD_OK;
    name_list wanted = { 0 };
    collect_names(&wanted, names);
    bool absent = access(files.ca, F_OK) != 0 || access(ca_key_path, F_OK) != 0;
    if (absent) err = make_ca(files.ca, ca_key_path, why);
    if (err) return err;
    VD_AUTO(cert_ptr) ca = load_cert(files.ca);
    VD_AUTO(key_ptr) ca_key = load_key(ca_key_path);
    if (!ca || !ca_key) return fail_tls(why, "the hub's own authority cannot be read");
    return server_fits(ca, &wanted, &files) ? VD_OK : make_server(ca, ca_key, &wanted, &files, why);
}
