/* basic.c - Basic sign-in, which registry clients know: a user's password, or a token as it.
 *
 * Argon2 costs a noticeable part of a second, and such clients sign in with every request: what was
 * right stays right for a while, bound to the stored password (so that a change ends it). */
#include "api_priv.h"

#include <pthread.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/secret.h"

#define BASIC_ROOM    64
#define BASIC_LIFE_US 300000000ll

struct basics {
    pthread_mutex_t lock;
    uint8_t key[32];
    struct {
        uint8_t mac[32];
        int64_t until_us;
    } seen[BASIC_ROOM];
};

basics *basics_new(void)
{
    basics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->lock, NULL);
    vd_random(m->key, sizeof m->key);
    return m;
}

basics *basics_free(basics *m)
{
    if (!m) return NULL;
    pthread_mutex_destroy(&m->lock);
    vd_wipe(m, sizeof *m);
    free(m);
    return NULL;
}

static bool basic_seen(basics *m, const uint8_t mac[32])
{
    bool seen = false;
    int64_t now_us = vd_clock_mono_us();
    pthread_mutex_lock(&m->lock);
    for (unsigned n = 0; n < BASIC_ROOM; n++)
        seen = seen || (m->seen[n].until_us > now_us &&
                        vd_bytes_same(vd_slice_of(m->seen[n].mac, 32), vd_slice_of(mac, 32)));
    pthread_mutex_unlock(&m->lock);
    return seen;
}

static void basic_keep(basics *m, const uint8_t mac[32])
{
    unsigned oldest = 0;
    pthread_mutex_lock(&m->lock);
    for (unsigned n = 1; n < BASIC_ROOM; n++)
        if (m->seen[n].until_us < m->seen[oldest].until_us) oldest = n;
    memcpy(m->seen[oldest].mac, mac, 32);
    m->seen[oldest].until_us = vd_clock_mono_us() + BASIC_LIFE_US;
    pthread_mutex_unlock(&m->lock);
}

static vd_err basic_mac(request *r, const char *name, const char *password, uint8_t mac[32])
{
    vd_user user = { 0 };
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_user_find(store, name, &user, NULL);
    vd_store_pool_give(r->api->parts.readers, store);
    if (!err && !vd_buf_addf(&text, "%s\n%s\n%s", user.name, user.password, password))
        err = VD_FULL;
    if (!err) err = vd_hmac_sha256(vd_slice_of(r->api->basics->key, 32), vd_buf_slice(&text), mac);
    vd_wipe(text.data, text.len);
    vd_wipe(&user.password, sizeof user.password);
    return err;
}

static vd_err by_password(request *r, const char *name, const char *password, vd_why *why)
{
    uint8_t mac[32];
    vd_user user = { 0 };
    bool known = basic_mac(r, name, password, mac) == VD_OK;
    vd_err err = VD_OK;
    if (known && basic_seen(r->api->basics, mac)) {
        vd_store *store = vd_store_pool_take(r->api->parts.readers);
        err = vd_user_find(store, name, &user, why);
        vd_store_pool_give(r->api->parts.readers, store);
    } else {
        err = check_password(r, name, password, &user, why);
        if (!err && known) basic_keep(r->api->basics, mac);
    }
    if (err) return err;
    r->caller = PERSON;
    r->role = user.role;
    r->session.user = user;
    vd_slice_to_chars(vd_slice_str(user.name), r->who, sizeof r->who);
    return VD_OK;
}

vd_err by_basic(request *r, const char *encoded, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(2048);
    if (!vd_base64_decode(vd_slice_str(encoded), &text) || text.len == 0 ||
        memchr(text.data, 0, text.len))
        return vd_fail(why, VD_DENIED, "the sign-in cannot be read");
    char *password = strchr(text.data, ':');
    if (!password) return vd_fail(why, VD_DENIED, "the sign-in cannot be read");
    *password++ = '\0';
    bool token =
        strlen(password) == VD_SECRET_TEXT_ROOM - 1 && by_secret(r, password, true, NULL) == VD_OK;
    vd_err err = token ? VD_OK : by_password(r, text.data, password, why);
    vd_wipe(text.data, text.len);
    return err;
}
