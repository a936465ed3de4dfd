/* login.c - sign in; the token is kept, the password is not. */
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "cli_priv.h"
#include "vd/secret.h"

#define PASSWORD_ROOM 1026
#define DEFAULT_HUB   "https://localhost:8443"

static bool read_line(FILE *from, char *into, int room)
{
    if (!fgets(into, room, from)) return false;
    into[strcspn(into, "\r\n")] = '\0';
    return true;
}

/* Asks on the terminal without showing what is typed. */
static vd_err ask_hidden(char into[PASSWORD_ROOM], vd_why *why)
{
    struct termios shown, hidden;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &shown)) {
        vd_fail(why, VD_INVALID, "there is no terminal to ask for the password");
        vd_why_hint(why, "give --password-file FILE ('-' reads standard input)");
        return VD_INVALID;
    }
    hidden = shown;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    fprintf(stderr, "password: ");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool got = read_line(stdin, into, PASSWORD_ROOM);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return got ? VD_OK : vd_fail(why, VD_INVALID, "no password was given");
}

static vd_err password_get(const char *path, char into[PASSWORD_ROOM], vd_why *why)
{
    if (!path) return ask_hidden(into, why);
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file) return vd_fail_errno(why, "the password file %s cannot be read", path);
    bool got = read_line(file, into, PASSWORD_ROOM);
    if (file != stdin) fclose(file);
    return got ? VD_OK : vd_fail(why, VD_INVALID, "the password file %s is empty", path);
}

static vd_err name_get(const char *given, char into[SETTING_ROOM], vd_why *why)
{
    if (given) {
        if (vd_slice_to_chars(vd_slice_str(given), into, SETTING_ROOM)) return VD_OK;
        return vd_fail(why, VD_INVALID, "the name is too long");
    }
    if (!isatty(STDIN_FILENO)) {
        vd_fail(why, VD_INVALID, "nobody is named");
        vd_why_hint(why, "give --user NAME");
        return VD_INVALID;
    }
    fprintf(stderr, "name: ");
    return read_line(stdin, into, SETTING_ROOM) ? VD_OK : vd_fail(why, VD_INVALID, "no name");
}

/* An absolute path, so that the next call may come from another folder. */
static vd_err ca_get(const char *given, char into[SETTING_ROOM], vd_why *why)
{
    if (!given) return VD_OK;
    char *full = realpath(given, NULL);
    if (!full) return vd_fail_errno(why, "the file %s cannot be read", given);
    bool fits = vd_slice_to_chars(vd_slice_str(full), into, SETTING_ROOM);
    free(full);
    return fits ? VD_OK : vd_fail(why, VD_INVALID, "the path of the CA file is too long");
}

static vd_err sign_in(settings *s, const char *password, vd_json **ret_session, vd_why *why)
{
    VD_AUTO(api_ptr) a = NULL;
    VD_AUTO(vd_buf) body = VD_BUF(16384);
    vd_json_w w = vd_json_writer(&body);

    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "name", s->user);
    vd_json_w_kv_text(&w, "password", password);
    vd_json_w_kv_bool(&w, "token", true);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (!err) err = api_open_with(s, &a, why);
    if (!err) err = api_call(a, "POST", "/api/v1/session", vd_buf_slice(&body), ret_session, why);
    if (body.data) vd_wipe(body.data, body.len);
    return err;
}

static void tell(const cli *c, const settings *s, const vd_json *session, const char *path)
{
    const char *role = vd_json_text(member_at(session, "user.role"), "?");
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&text);

    if (!c->json) {
        printf("signed in to %s as %s (%s); kept in %s\n", s->hub, s->user, role, path);
        return;
    }
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "hub", s->hub);
    vd_json_w_kv_text(&w, "user", s->user);
    vd_json_w_kv_text(&w, "role", role);
    vd_json_w_kv_text(&w, "expires_at", vd_json_text(vd_json_get(session, "expires_at"), NULL));
    vd_json_w_kv_text(&w, "settings", path);
    vd_json_w_object_end(&w);
    if (!vd_json_w_end(&w)) puts(text.data);
}

static vd_err hub_get(const char *given, char into[SETTING_ROOM], vd_why *why)
{
    const char *hub = given ? given : DEFAULT_HUB;

    if (strncmp(hub, "https://", 8) != 0) {
        vd_fail(why, VD_INVALID, "the hub's address '%s' is no https:// URL", hub);
        vd_why_hint(why, "for example " DEFAULT_HUB);
        return VD_INVALID;
    }
    if (vd_slice_to_chars(vd_slice_str(hub), into, SETTING_ROOM)) return VD_OK;
    return vd_fail(why, VD_INVALID, "the hub's address is too long");
}

vd_err run_login(cli *c, vd_why *why)
{
    VD_AUTO(vd_json_ptr) session = NULL;
    char password[PASSWORD_ROOM] = "", path[4096];
    settings s = { 0 };

    vd_err err = hub_get(cli_option(c, "hub"), s.hub, why);
    if (!err) err = ca_get(cli_option(c, "ca"), s.ca, why);
    if (!err) err = name_get(cli_option(c, "user"), s.user, why);
    if (!err) err = password_get(cli_option(c, "password-file"), password, why);
    if (!err) err = sign_in(&s, password, &session, why);
    vd_wipe(password, sizeof password);
    if (err) return err;
    const char *token = vd_json_text(vd_json_get(session, "token"), "");
    if (!token[0] || !vd_slice_to_chars(vd_slice_str(token), s.token, sizeof s.token))
        return vd_fail(why, VD_CORRUPT, "the hub gave no usable token");
    err = settings_save(&s, path, sizeof path, why);
    if (!err) tell(c, &s, session, path);
    vd_wipe(&s, sizeof s);
    return err;
}
