/* people.h - who may see and decide (users, sessions, throttled sign-in) and who is told
 * (deliveries, with every attempt).
 *
 * Calls that take a store and change something are jobs of the committer; calls that read take any
 * store. Hashing a password takes a noticeable part of a second and 64 MiB: never on the committer.
 * The notifier owns one thread. */
#ifndef VD_PEOPLE_H
#define VD_PEOPLE_H
#include "contract_words.h"
#include "incident.h"
#include "limits.h"
#include "vd/blob.h"
#include "vd/store.h"

extern const vd_sql people_sql[];

/* ---- users ---- */
typedef int vd_role; /* VD_ROLE_* of the contract: each may what the one before it may */
const char *vd_role_word(vd_role role);
VD_MUST_USE bool vd_role_parse(const char *word, vd_role *ret_role);

#define VD_PASSWORD_ROOM    160 /* of the encoded form */
#define VD_PASSWORD_LEAST   10
#define VD_PASSWORD_BYTES   1024
#define VD_SECRET_TEXT_ROOM 65 /* 256 bits in hex */

typedef struct {
    char name[VD_LIMIT_NAME_BYTES + 1];
    char email[256]; /* "" for none */
    char password[VD_PASSWORD_ROOM];
    vd_role role;
    int64_t created_us;
} vd_user;

/* argon2id, RFC 9106's second recommended option (64 MiB, 3 passes, 4 lanes). At most two run at a
 * time, others wait: memory stays bounded. Any thread but the committer's. */
VD_MUST_USE vd_err vd_password_hash(const char *password, char ret_encoded[VD_PASSWORD_ROOM],
                                    vd_why *why);
/* `encoded` NULL costs the same and is never right (a stranger's name must not be told by time). */
VD_MUST_USE bool vd_password_right(const char *encoded, const char *password);
/* 24 characters, 120 random bits. */
void vd_password_random(char into[25]);

VD_MUST_USE vd_err vd_user_add(vd_store *store, const vd_user *user, vd_why *why);
VD_MUST_USE vd_err vd_user_find(vd_store *store, const char *name, vd_user *ret_user, vd_why *why);
VD_MUST_USE vd_err vd_user_set_password(vd_store *store, const char *name, const char *encoded,
                                        vd_why *why);
VD_MUST_USE vd_err vd_user_count(vd_store *store, uint64_t *ret_count, vd_why *why);
/* Members of a User, or the list of all. */
void vd_user_write(const vd_user *user, vd_json_w *w);
VD_MUST_USE vd_err vd_user_write_all(vd_store *store, vd_json_w *w, vd_why *why);
/* VD_INVALID says what is wrong with a name or a password. */
VD_MUST_USE vd_err vd_user_check(const char *name, const char *password, vd_why *why);

/* ---- sessions and tokens ---- */
#define VD_SESSION_US (7 * 86400 * 1000000ll)
#define VD_TOKEN_US   (90 * 86400 * 1000000ll)

typedef struct {
    vd_user user;
    bool token;
    int64_t expires_us;
} vd_session;

/* `secret` is what the client keeps; only its hash is stored. */
VD_MUST_USE vd_err vd_session_begin(vd_store *store, const char *user, bool token,
                                    char ret_secret[VD_SECRET_TEXT_ROOM], int64_t *ret_expires_us,
                                    vd_why *why);
/* VD_DENIED: unknown or expired. */
VD_MUST_USE vd_err vd_session_find(vd_store *store, const char *secret, vd_session *ret_session,
                                   vd_why *why);
VD_MUST_USE vd_err vd_session_end(vd_store *store, const char *secret, vd_why *why);
/* Ends all sessions and tokens of a user but `keep_secret` (may be NULL). */
VD_MUST_USE vd_err vd_session_end_others(vd_store *store, const char *user, const char *keep_secret,
                                         vd_why *why);
/* What a page must send back with each change; follows from the secret. */
void vd_session_csrf(const char *secret, char ret_csrf[VD_SECRET_TEXT_ROOM]);

/* ---- throttle: at most VD_THROTTLE_FAILURES failures a minute per name and per address ---- */
#define VD_THROTTLE_FAILURES 5
#define VD_THROTTLE_ROWS     4096 /* names and addresses remembered; the oldest give way */
typedef struct vd_throttle vd_throttle;
VD_MUST_USE vd_throttle *vd_throttle_new(void);
vd_throttle *vd_throttle_free(vd_throttle *throttle);
/* Seconds to wait; 0: go ahead, and the try counts as a failure until vd_throttle_right. */
unsigned vd_throttle_try(vd_throttle *throttle, const char *name, const char *address);
/* The password was right: forgives the name's failures and the address this one try. */
void vd_throttle_right(vd_throttle *throttle, const char *name, const char *address);

/* ---- deliveries ---- */
#define VD_NOTIFY_RULES_MAX      64
#define VD_NOTIFY_RECIPIENTS_MAX 32
#define VD_NOTIFY_WEBHOOKS_MAX   32
#define VD_NOTIFY_ATTEMPTS_MAX   12

typedef struct {
    const char *name, *url;
    char key[256]; /* secret; from a file */
} vd_webhook;

typedef struct {
    const char *rule, *camera; /* shell patterns */
    int severity_least;
    const char *emails[VD_NOTIFY_RECIPIENTS_MAX];
    unsigned email_count;
    const char *webhooks[VD_NOTIFY_RECIPIENTS_MAX]; /* names */
    unsigned webhook_count;
    int64_t cool_down_ms;
} vd_notify_rule;

typedef enum { VD_SMTP_PLAIN, VD_SMTP_STARTTLS, VD_SMTP_TLS } vd_smtp_tls;
typedef struct {
    const char *smtp_host; /* NULL: e-mails fail with a clear answer */
    int64_t smtp_port;
    const char *smtp_user;
    char smtp_password[256];
    const char *smtp_from;
    vd_smtp_tls smtp_tls;
    vd_webhook webhooks[VD_NOTIFY_WEBHOOKS_MAX];
    unsigned webhook_count;
    vd_notify_rule rules[VD_NOTIFY_RULES_MAX];
    unsigned rule_count;
    int64_t picture_wait_ms, retry_first_ms, retry_most_ms;
    const char *site, *public_url;
} vd_notify_config;

typedef struct vd_notify vd_notify;
typedef struct {
    const vd_notify_config *config; /* outlives the notifier */
    vd_committer *committer;
    vd_store_pool *readers;
    vd_blobs *blobs;
    /* A delivery changed; called on the notifier's thread, after the commit. */
    void (*changed)(void *arg, const char *delivery, const char *incident);
    void *arg;
} vd_notify_parts;
VD_MUST_USE vd_err vd_notify_start(const vd_notify_parts *parts, vd_notify **ret_notify,
                                   vd_why *why);
/* Breaks off what is being sent (it will be sent again), joins. Returns NULL. */
vd_notify *vd_notify_stop(vd_notify *notify);
/* Something may be due: deliveries were added or a picture arrived. Any thread. */
void vd_notify_wake(vd_notify *notify);

/* In the job that opened the incident: one delivery per recipient of each rule that fits. At least
 * once: a hub that dies between sending and its commit sends again. */
VD_MUST_USE vd_err vd_notify_opened(vd_store *store, const vd_notify_config *config,
                                    const char *incident, unsigned *ret_count, vd_why *why);
/* Writes the list; *ret_next gets the cursor of the next page or "". incident, cursor may be NULL.
 */
VD_MUST_USE vd_err vd_notify_write(vd_store *store, const char *incident, const char *cursor,
                                   unsigned limit, vd_json_w *w, char ret_next[VD_ULID_LEN + 1],
                                   vd_why *why);
#endif
