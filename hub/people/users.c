/* users.c - users, their passwords, their sessions. */
#include "people.h"

#include <argon2.h>
#include <pthread.h>

#include "vd/clock.h"

static const char *const roles[] = { "viewer", "operator", "administrator" };

const char *vd_role_word(vd_role role)
{
    return roles[role];
}

bool vd_role_parse(const char *word, vd_role *ret_role)
{
    for (size_t n = 0; word && n < VD_COUNT_OF(roles); n++) {
        if (strcmp(word, roles[n]) != 0) continue;
        *ret_role = (vd_role)n;
        return true;
    }
    return false;
}

/* RFC 9106 section 4, second recommended option. */
enum { PASSES = 3, MEMORY_KIB = 65536, LANES = 4, SALT_BYTES = 16, HASH_BYTES = 32 };

static pthread_mutex_t hash_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hash_free = PTHREAD_COND_INITIALIZER;
static int hash_running;

static void hash_enter(void)
{
    pthread_mutex_lock(&hash_lock);
    while (hash_running == 2) pthread_cond_wait(&hash_free, &hash_lock);
    hash_running++;
    pthread_mutex_unlock(&hash_lock);
}

static void hash_leave(void)
{
    pthread_mutex_lock(&hash_lock);
    hash_running--;
    pthread_cond_signal(&hash_free);
    pthread_mutex_unlock(&hash_lock);
}

vd_err vd_password_hash(const char *password, char ret_encoded[VD_PASSWORD_ROOM], vd_why *why)
{
    uint8_t salt[SALT_BYTES];
    vd_random(salt, sizeof salt);
    hash_enter();
    int failed = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt,
                                       sizeof salt, HASH_BYTES, ret_encoded, VD_PASSWORD_ROOM);
    hash_leave();
    if (failed)
        return vd_fail(why, VD_FULL, "the password cannot be hashed: %s",
                       argon2_error_message(failed));
    return VD_OK;
}

bool vd_password_right(const char *encoded, const char *password)
{
    if (!encoded) {
        char unused[VD_PASSWORD_ROOM];
        vd_err spent = vd_password_hash(password, unused, NULL);
        (void)spent;
        return false;
    }
    hash_enter();
    bool right = argon2id_verify(encoded, password, strlen(password)) == ARGON2_OK;
    hash_leave();
    return right;
}

void vd_password_random(char into[25])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32 without l, o, 0, 1 */
    uint8_t bytes[24];
    vd_random(bytes, sizeof bytes);
    for (size_t n = 0; n < sizeof bytes; n++) into[n] = letters[bytes[n] & 31];
    into[24] = '\0';
}

vd_err vd_user_check(const char *name, const char *password, vd_why *why)
{
    size_t len = strlen(name);
    if (len == 0 || len > VD_LIMIT_NAME_BYTES)
        return vd_fail(why, VD_INVALID, "a name has 1 to %u characters", VD_LIMIT_NAME_BYTES);
    for (const char *c = name; *c; c++)
        if ((uint8_t)*c <= ' ' || *c == ':' || *c == 0x7f)
            return vd_fail(why, VD_INVALID, "a name has no spaces, colons or control characters");
    if (strlen(password) < VD_PASSWORD_LEAST)
        return vd_fail(why, VD_INVALID, "the password is shorter than %d characters",
                       VD_PASSWORD_LEAST);
    if (strlen(password) > VD_PASSWORD_BYTES)
        return vd_fail(why, VD_INVALID, "the password is longer than %d bytes", VD_PASSWORD_BYTES);
    return VD_OK;
}

vd_err vd_user_add(vd_store *store, const vd_user *user, vd_why *why)
{
    vd_stmt *add = vd_store_stmt(store, "user_add");
    vd_bind_text(add, "name", user->name);
    vd_bind_text(add, "role", vd_role_word(user->role));
    if (user->email[0]) vd_bind_text(add, "email", user->email);
    vd_bind_text(add, "password", user->password);
    vd_bind_int(add, "now_us", user->created_us);
    vd_err err = vd_stmt_run(add, NULL, why);
    if (err == VD_CONFLICT)
        return vd_fail(why, VD_CONFLICT, "there is a user '%s' already", user->name);
    return err;
}

static void user_of(vd_stmt *row, vd_user *user)
{
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 0)), user->name, sizeof user->name);
    if (!vd_role_parse(vd_col_text(row, 1), &user->role)) user->role = VD_ROLE_VIEWER;
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 2)), user->email, sizeof user->email);
    vd_slice_to_chars(vd_slice_str(vd_col_text(row, 3)), user->password, sizeof user->password);
    user->created_us = vd_col_int(row, 4);
}

vd_err vd_user_find(vd_store *store, const char *name, vd_user *ret_user, vd_why *why)
{
    vd_stmt *find = vd_store_stmt(store, "user_find");
    vd_bind_text(find, "name", name);
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_ABSENT, "there is no user '%.40s'", name);
    if (err) return err;
    user_of(find, ret_user);
    vd_stmt_finish(find);
    return VD_OK;
}

vd_err vd_user_set_password(vd_store *store, const char *name, const char *encoded, vd_why *why)
{
    uint64_t changed = 0;
    vd_stmt *set = vd_store_stmt(store, "user_password");
    vd_bind_text(set, "name", name);
    vd_bind_text(set, "password", encoded);
    vd_err err = vd_stmt_run(set, &changed, why);
    if (!err && !changed) return vd_fail(why, VD_ABSENT, "there is no user '%.40s'", name);
    return err;
}

vd_err vd_user_count(vd_store *store, uint64_t *ret_count, vd_why *why)
{
    vd_stmt *count = vd_store_stmt(store, "user_count");
    vd_err err = vd_stmt_row(count, why);
    if (err) return err;
    *ret_count = (uint64_t)vd_col_int(count, 0);
    vd_stmt_finish(count);
    return VD_OK;
}

void vd_user_write(const vd_user *user, vd_json_w *w)
{
    vd_json_w_object(w);
    vd_json_w_kv_text(w, "name", user->name);
    vd_json_w_kv_text(w, "role", vd_role_word(user->role));
    if (user->email[0]) vd_json_w_kv_text(w, "email", user->email);
    vd_json_w_kv_time(w, "created_at", user->created_us);
    vd_json_w_object_end(w);
}

vd_err vd_user_write_all(vd_store *store, vd_json_w *w, vd_why *why)
{
    vd_err err;
    vd_stmt *list = vd_store_stmt(store, "user_list");
    vd_json_w_list(w);
    while ((err = vd_stmt_row(list, why)) == VD_OK) {
        vd_json_w_object(w);
        vd_json_w_kv_text(w, "name", vd_col_text(list, 0));
        vd_json_w_kv_text(w, "role", vd_col_text(list, 1));
        if (!vd_col_null(list, 2)) vd_json_w_kv_text(w, "email", vd_col_text(list, 2));
        vd_json_w_kv_time(w, "created_at", vd_col_int(list, 3));
        vd_json_w_object_end(w);
    }
    vd_json_w_list_end(w);
    return err == VD_ABSENT ? VD_OK : err;
}

vd_err vd_session_begin(vd_store *store, const char *user, bool token,
                        char ret_secret[VD_SECRET_TEXT_ROOM], int64_t *ret_expires_us, vd_why *why)
{
    uint8_t bits[32];
    VD_AUTO(vd_buf) hex = VD_BUF(128);
    int64_t now_us = vd_clock_utc_us(), expires_us = now_us + (token ? VD_TOKEN_US : VD_SESSION_US);

    vd_random(bits, sizeof bits);
    if (!vd_hex_encode(vd_slice_of(bits, sizeof bits), &hex))
        return vd_fail(why, VD_FULL, "no memory");
    vd_stmt *expire = vd_store_stmt(store, "sessions_expire");
    vd_bind_int(expire, "now_us", now_us);
    vd_err err = vd_stmt_run(expire, NULL, why);
    if (err) return err;

    vd_digest hash = vd_sha256(vd_buf_slice(&hex));
    vd_stmt *add = vd_store_stmt(store, "session_add");
    vd_bind_text(add, "hash", hash.hex);
    vd_bind_text(add, "user", user);
    vd_bind_text(add, "kind", token ? "token" : "cookie");
    vd_bind_int(add, "now_us", now_us);
    vd_bind_int(add, "expires_us", expires_us);
    err = vd_stmt_run(add, NULL, why);
    if (err) return err;
    memcpy(ret_secret, hex.data, VD_SECRET_TEXT_ROOM);
    *ret_expires_us = expires_us;
    return VD_OK;
}

vd_err vd_session_find(vd_store *store, const char *secret, vd_session *ret_session, vd_why *why)
{
    vd_digest hash = vd_sha256(vd_slice_str(secret));
    vd_stmt *find = vd_store_stmt(store, "session_find");
    vd_bind_text(find, "hash", hash.hex);
    vd_bind_int(find, "now_us", vd_clock_utc_us());
    vd_err err = vd_stmt_row(find, why);
    if (err == VD_ABSENT) return vd_fail(why, VD_DENIED, "the session has ended");
    if (err) return err;
    user_of(find, &ret_session->user);
    ret_session->token = strcmp(vd_col_text(find, 5), "token") == 0;
    ret_session->expires_us = vd_col_int(find, 6);
    vd_stmt_finish(find);
    return VD_OK;
}

vd_err vd_session_end(vd_store *store, const char *secret, vd_why *why)
{
    vd_digest hash = vd_sha256(vd_slice_str(secret));
    vd_stmt *end = vd_store_stmt(store, "session_end");
    vd_bind_text(end, "hash", hash.hex);
    return vd_stmt_run(end, NULL, why);
}

vd_err vd_session_end_others(vd_store *store, const char *user, const char *keep_secret,
                             vd_why *why)
{
    vd_digest keep = vd_sha256(vd_slice_str(keep_secret));
    vd_stmt *end = vd_store_stmt(store, "sessions_end");
    vd_bind_text(end, "user", user);
    vd_bind_text(end, "keep", keep_secret ? keep.hex : "");
    return vd_stmt_run(end, NULL, why);
}

void vd_session_csrf(const char *secret, char ret_csrf[VD_SECRET_TEXT_ROOM])
{
    uint8_t mac[32] = { 0 };
    VD_AUTO(vd_buf) hex = VD_BUF(128);
    if (vd_hmac_sha256(vd_slice_str(secret), VD_STR("vedette csrf"), mac) == VD_OK &&
        vd_hex_encode(vd_slice_of(mac, sizeof mac), &hex))
        memcpy(ret_csrf, hex.data, VD_SECRET_TEXT_ROOM);
    else
        ret_csrf[0] = '\0'; /* an empty one is never accepted */
}
