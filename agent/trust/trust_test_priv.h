/* trust_test_priv.h - certificates for tests, made on the spot, and what must become of each. */
#ifndef VD_TRUST_TEST_PRIV_H
#define VD_TRUST_TEST_PRIV_H
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "trust.h"
#include "vd/file.h"
#include "vd/test.h"

typedef struct {
    X509 *cert;
    EVP_PKEY *key;
    char cert_pem[4096], key_pem[1024];
    char fingerprint[8 + VD_SHA256_HEX];
} test_cert;

static inline void test_cert_done(test_cert *c)
{
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
}

static inline void test_cert_text(test_cert *c)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    BIO *text = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(text, c->cert), 1);
    c->cert_pem[BIO_read(text, c->cert_pem, sizeof c->cert_pem - 1)] = 0;
    assert_int_equal(PEM_write_bio_PrivateKey(text, c->key, NULL, NULL, 0, NULL, NULL), 1);
    c->key_pem[BIO_read(text, c->key_pem, sizeof c->key_pem - 1)] = 0;
    BIO_free(text);
    assert_int_equal(X509_digest(c->cert, EVP_sha256(), hash, &len), 1);
    memcpy(c->fingerprint, "sha256:", 8);
    for (unsigned i = 0; i < len; i++) snprintf(c->fingerprint + 7 + 2 * i, 3, "%02x", hash[i]);
}

static inline void test_cert_extend(X509 *cert, int kind, const char *value)
{
    X509_EXTENSION *part = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    assert_non_null(part);
    X509_add_ext(cert, part, -1);
    X509_EXTENSION_free(part);
}

/* Signed by `by`, or by itself (NULL); `names` NULL: an authority. Valid until `days` from now. */
static inline void test_cert_make(test_cert *c, const test_cert *by, const char *names, int days)
{
    c->key = EVP_EC_gen("P-256");
    c->cert = X509_new();
    assert_true(c->key && c->cert);
    X509_set_version(c->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c->cert), by ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(c->cert), -30L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(c->cert), days * 86400L);
    X509_set_pubkey(c->cert, c->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c->cert), "CN", MBSTRING_ASC,
                               (const uint8_t *)(names ? "camera" : "authority"), -1, -1, 0);
    X509_set_issuer_name(c->cert, X509_get_subject_name(by ? by->cert : c->cert));
    test_cert_extend(c->cert, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
    if (names) test_cert_extend(c->cert, NID_subject_alt_name, names);
    assert_true(X509_sign(c->cert, by ? by->key : c->key, EVP_sha256()) > 0);
    test_cert_text(c);
}

/* A camera at 127.0.0.1 that shows one of these, and how it is trusted. */
typedef enum { SHOWS_GOOD, SHOWS_OTHER_NAME, SHOWS_EXPIRED, SHOWS_OWN, SHOWS } test_shown;
typedef enum {
    TRUSTS_SYSTEM,
    TRUSTS_CA,
    TRUSTS_OTHER_CA,
    TRUSTS_ITSELF, /* its own certificate is the ca_file */
    TRUSTS_PIN,
    TRUSTS_OTHER_PIN,
    TRUSTS_ALL
} test_trust;

static const struct {
    test_shown shown;
    test_trust trust;
    const char *fact; /* NULL: it is let in */
} trust_cases[] = {
    { SHOWS_GOOD, TRUSTS_CA, NULL },
    { SHOWS_OWN, TRUSTS_ITSELF, NULL },
    { SHOWS_OWN, TRUSTS_PIN, NULL },
    { SHOWS_EXPIRED, TRUSTS_PIN, NULL },
    { SHOWS_OTHER_NAME, TRUSTS_ALL, NULL },
    { SHOWS_GOOD, TRUSTS_SYSTEM, "nobody whom we trust" },
    { SHOWS_OWN, TRUSTS_SYSTEM, "nobody whom we trust" },
    { SHOWS_GOOD, TRUSTS_OTHER_CA, "nobody whom we trust" },
    { SHOWS_OTHER_NAME, TRUSTS_CA, "for another name" },
    { SHOWS_EXPIRED, TRUSTS_CA, "has expired" },
    { SHOWS_GOOD, TRUSTS_OTHER_PIN, "another certificate than the pinned one" },
};

typedef struct {
    test_cert ca, other_ca, shown[SHOWS];
    char folder[64], ca_file[96], other_file[96], own_file[96];
} test_certs;

static inline void test_certs_open(test_certs *all)
{
    *all = (test_certs){ .folder = "/tmp/vedette-trust-XXXXXX" };
    assert_non_null(mkdtemp(all->folder));
    test_cert_make(&all->ca, NULL, NULL, 30);
    test_cert_make(&all->other_ca, NULL, NULL, 30);
    test_cert_make(&all->shown[SHOWS_GOOD], &all->ca, "IP:127.0.0.1", 30);
    test_cert_make(&all->shown[SHOWS_OTHER_NAME], &all->ca, "IP:127.0.0.9,DNS:gate.example", 30);
    test_cert_make(&all->shown[SHOWS_EXPIRED], &all->ca, "IP:127.0.0.1", -1);
    test_cert_make(&all->shown[SHOWS_OWN], NULL, "IP:127.0.0.1", 30);
    const struct {
        char *path;
        const test_cert *cert;
    } files[] = { { all->ca_file, &all->ca },
                  { all->other_file, &all->other_ca },
                  { all->own_file, &all->shown[SHOWS_OWN] } };
    for (size_t i = 0; i < VD_COUNT_OF(files); i++) {
        snprintf(files[i].path, sizeof all->ca_file, "%s/%zu.pem", all->folder, i);
        expect_ok(vd_file_save(files[i].path, 0644, vd_slice_str(files[i].cert->cert_pem), NULL));
    }
}

static inline vd_trust_config test_trust_of(const test_certs *all, test_shown shown,
                                            test_trust trust)
{
    vd_trust_config config = { .insecure = trust == TRUSTS_ALL };
    if (trust == TRUSTS_CA) config.ca_file = all->ca_file;
    if (trust == TRUSTS_OTHER_CA) config.ca_file = all->other_file;
    if (trust == TRUSTS_ITSELF) config.ca_file = all->own_file;
    if (trust == TRUSTS_PIN) config.fingerprint = all->shown[shown].fingerprint;
    if (trust == TRUSTS_OTHER_PIN) config.fingerprint = all->ca.fingerprint;
    return config;
}

static inline void test_certs_close(test_certs *all)
{
    unlink(all->ca_file);
    unlink(all->other_file);
    unlink(all->own_file);
    rmdir(all->folder);
    test_cert_done(&all->ca);
    test_cert_done(&all->other_ca);
    for (unsigned i = 0; i < SHOWS; i++) test_cert_done(&all->shown[i]);
}
#endif
