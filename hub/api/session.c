/* session.c - who asks: cookie, bearer token or SAS; signing in and out; users. */
#include "api_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "vd/clock.h"
#include "vd/log.h"

#define COOKIE "vedette_session"

vd_err by_secret(request *r, const char *secret, bool token, vd_why *why)
{
    if (strlen(secret) >= sizeof r->secret) return vd_fail(why, VD_DENIED, "the session has ended");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_session_find(store, secret, &r->session, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (!err && r->session.token != token) err = vd_fail(why, VD_DENIED, "the session has ended");
    if (err) return err;
    r->caller = PERSON;
    r->role = r->session.user.role;
    r->by_cookie = !token;
    vd_slice_to_chars(vd_slice_str(r->session.user.name), r->who, sizeof r->who);
    vd_slice_to_chars(vd_slice_str(secret), r->secret, sizeof r->secret);
    return VD_OK;
}

static vd_err by_sas(request *r, const char *authorization, vd_why *why)
{
    vd_intake_caller caller = { 0 };
    vd_why reason = { 0 };
    char line[256];
    vd_err err = vd_intake_check_sas(r->api->parts.intake, authorization, &caller, &reason);
    if (err == VD_DENIED) {
        vd_log(VD_LOG_WARN, "api.sas", "a SAS token was refused", "path", r->path, "why",
               vd_why_line(&reason, line, sizeof line), NULL);
        return vd_fail(why, VD_DENIED, "the token is not accepted");
    }
    if (err) {
        *why = reason;
        return err;
    }
    if (caller.device[0]) {
        r->caller = DEVICE;
        vd_slice_to_chars(vd_slice_str(caller.device), r->device, sizeof r->device);
        return VD_OK;
    }
    r->caller = SERVICE;
    r->role = VD_ROLE_ADMINISTRATOR;
    (void)snprintf(r->who, sizeof r->who, "service:%s", caller.policy);
    return VD_OK;
}

vd_err authenticate(request *r, vd_why *why)
{
    const char *authorization = ask_header(r, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *cookie = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, COOKIE);
    if (authorization && strncmp(authorization, "SharedAccessSignature ", 22) == 0)
        return by_sas(r, authorization, why);
    if (authorization && strncmp(authorization, "Bearer ", 7) == 0)
        return by_secret(r, authorization + 7, true, why);
    if (authorization && is_registry(r->path) && strncmp(authorization, "Basic ", 6) == 0)
        return by_basic(r, authorization + 6, why);
    if (authorization) return vd_fail(why, VD_DENIED, "this kind of Authorization is not known");
    if (cookie) return by_secret(r, cookie, false, why);
    return VD_OK; /* nobody */
}

static void address_of(request *r, char into[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    const void *bytes = NULL;
    into[0] = '\0';
    if (address && address->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)address)->sin_addr;
    else if (address && address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (bytes) (void)inet_ntop(address->sa_family, bytes, into, INET6_ADDRSTRLEN);
}

static vd_err write_session(request *r, const vd_user *user, const char *secret, bool token,
                            int64_t expires_us, vd_why *why)
{
    char csrf[VD_SECRET_TEXT_ROOM];
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "user");
    if (user) {
        vd_user_write(user, &w);
    } else { /* a service policy is shown as an administrator that is no person */
        vd_json_w_object(&w);
        vd_json_w_kv_text(&w, "name", r->who);
        vd_json_w_kv_text(&w, "role", vd_role_word(r->role));
        vd_json_w_kv_time(&w, "created_at", vd_clock_utc_us());
        vd_json_w_object_end(&w);
    }
    if (secret && !token) {
        vd_session_csrf(secret, csrf);
        vd_json_w_kv_text(&w, "csrf", csrf);
    }
    if (secret && token) vd_json_w_kv_text(&w, "token", secret);
    if (expires_us) vd_json_w_kv_time(&w, "expires_at", expires_us);
    vd_json_w_object_end(&w);
    return reply_json(r, MHD_HTTP_OK, &w, why);
}

vd_err get_session(request *r, vd_why *why)
{
    if (r->caller == SERVICE) return write_session(r, NULL, NULL, false, 0, why);
    return write_session(r, &r->session.user, r->by_cookie ? r->secret : NULL, false,
                         r->session.expires_us, why);
}

typedef struct {
    const char *user;
    bool token;
    char secret[VD_SECRET_TEXT_ROOM];
    int64_t expires_us;
} beginning;

static vd_err begin(vd_store *store, void *arg, vd_why *why)
{
    beginning *b = arg;
    return vd_session_begin(store, b->user, b->token, b->secret, &b->expires_us, why);
}

/* The password is checked outside of any lock but the one on memory. */
vd_err check_password(request *r, const char *name, const char *password, vd_user *ret_user,
                      vd_why *why)
{
    char address[INET6_ADDRSTRLEN];
    address_of(r, address);
    r->retry_after_s = vd_throttle_try(r->api->throttle, name, address);
    if (r->retry_after_s) {
        r->status = MHD_HTTP_TOO_MANY_REQUESTS;
        (void)vd_fail(why, VD_RETRY, "too many failed attempts");
        vd_why_hint(why, "try again in %u s", r->retry_after_s);
        return VD_RETRY;
    }
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err found = vd_user_find(store, name, ret_user, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (found && found != VD_ABSENT) return found;
    if (vd_password_right(found ? NULL : ret_user->password, password)) {
        vd_throttle_right(r->api->throttle, name, address);
        return VD_OK;
    }
    vd_log(VD_LOG_WARN, "session.wrong", "a wrong name or password was given", "address", address,
           NULL);
    r->status = MHD_HTTP_UNAUTHORIZED;
    return vd_fail(why, VD_DENIED, "the name or the password is wrong");
}

static vd_err is_json(request *r, vd_why *why)
{
    const char *type = ask_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (!type || strncmp(type, "application/json", 16) == 0) return VD_OK;
    return vd_fail(why, VD_INVALID, "the content type must be application/json");
}

static void set_cookie(request *r, const char *secret, int64_t seconds)
{
    char cookie[256];
    (void)snprintf(cookie, sizeof cookie,
                   COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; SameSite=Strict", secret,
                   (long long)seconds);
    reply_header(r, MHD_HTTP_HEADER_SET_COOKIE, cookie);
}

vd_err sign_in(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *name = NULL, *password = NULL;
    vd_user user = { 0 };
    vd_err err = is_json(r, why); /* another site's form cannot send this type */
    if (!err) err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "name", VD_LIMIT_NAME_BYTES, &name, why);
    if (!err) err = need_text(body, "password", VD_PASSWORD_BYTES, &password, why);
    if (!err) err = check_password(r, name, password, &user, why);
    if (err) return err;

    beginning b = { .user = user.name, .token = vd_json_bool(vd_json_get(body, "token"), false) };
    err = vd_committer_run(r->api->parts.committer, begin, &b, why);
    if (!err) err = write_session(r, &user, b.secret, b.token, b.expires_us, why);
    if (!err && !b.token) set_cookie(r, b.secret, VD_SESSION_US / 1000000);
    vd_wipe(b.secret, sizeof b.secret);
    if (!err) vd_log(VD_LOG_INFO, "session.begun", "somebody signed in", "who", user.name, NULL);
    return err;
}

static vd_err end(vd_store *store, void *arg, vd_why *why)
{
    return vd_session_end(store, arg, why);
}

vd_err sign_out(request *r, vd_why *why)
{
    vd_err err =
        r->secret[0] ? vd_committer_run(r->api->parts.committer, end, r->secret, why) : VD_OK;
    if (!err) err = reply_empty(r, MHD_HTTP_NO_CONTENT);
    if (!err) set_cookie(r, "", 0);
    return err;
}

typedef struct {
    const char *name, *keep;
    char encoded[VD_PASSWORD_ROOM];
} new_password;

static vd_err store_password(vd_store *store, void *arg, vd_why *why)
{
    const new_password *p = arg;
    vd_err err = vd_user_set_password(store, p->name, p->encoded, why);
    return err ? err : vd_session_end_others(store, p->name, p->keep, why);
}

vd_err change_password(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *before = NULL, *after = NULL;
    vd_user user = { 0 };
    if (r->caller != PERSON)
        return vd_fail(why, VD_INVALID, "'%s' is no person and has no password", r->who);
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "old_password", VD_PASSWORD_BYTES, &before, why);
    if (!err) err = need_text(body, "new_password", VD_PASSWORD_BYTES, &after, why);
    if (!err) err = vd_user_check(r->who, after, why);
    if (!err) err = check_password(r, r->who, before, &user, why);
    if (err) return err;
    new_password p = { .name = r->who, .keep = r->secret };
    err = vd_password_hash(after, p.encoded, why);
    if (!err) err = vd_committer_run(r->api->parts.committer, store_password, &p, why);
    return err ? err : reply_empty(r, MHD_HTTP_NO_CONTENT);
}

vd_err list_users(request *r, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(ANSWER_BYTES_MAX);
    vd_json_w w = vd_json_writer(&text);
    vd_json_w_object(&w);
    vd_json_w_key(&w, "users");
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    vd_err err = vd_user_write_all(store, &w, why);
    vd_store_pool_give(r->api->parts.readers, store);
    vd_json_w_object_end(&w);
    return err ? err : reply_json(r, MHD_HTTP_OK, &w, why);
}

static vd_err add_user(vd_store *store, void *arg, vd_why *why)
{
    return vd_user_add(store, arg, why);
}

vd_err create_user(request *r, vd_why *why)
{
    VD_AUTO(vd_json_ptr) body = NULL;
    const char *name = NULL, *role = NULL, *email = "", *password = NULL;
    vd_user user = { .created_us = vd_clock_utc_us() };
    vd_err err = ask_json(r, &body, why);
    if (!err) err = need_text(body, "name", VD_LIMIT_NAME_BYTES, &name, why);
    if (!err) err = need_text(body, "role", 32, &role, why);
    if (!err) err = need_text(body, "password", VD_PASSWORD_BYTES, &password, why);
    if (!err) err = may_text(body, "email", sizeof user.email - 1, &email, why);
    if (!err) err = vd_user_check(name, password, why);
    if (err) return err;
    if (!vd_role_parse(role, &user.role))
        return vd_fail(why, VD_INVALID, "'%s' is no role: administrator, operator or viewer", role);
    vd_slice_to_chars(vd_slice_str(name), user.name, sizeof user.name);
    vd_slice_to_chars(vd_slice_str(email), user.email, sizeof user.email);
    err = vd_password_hash(password, user.password, why);
    if (!err) err = vd_committer_run(r->api->parts.committer, add_user, &user, why);
    if (err) return err;
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_json_w w = vd_json_writer(&text);
    vd_user_write(&user, &w);
    return reply_json(r, MHD_HTTP_CREATED, &w, why);
}
