/* reload.c - the configuration file changes while we run, or SIGHUP asks to look at it again. Its
 * cameras, templates and rules hold at once; what else differs is named, and waits for a restart.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/file.h"

#define FILE_BYTES 1048576
#define NODE_BYTES 65536

static atomic_bool hup;

static void on_hup(int number)
{
    (void)number;
    atomic_store(&hup, true);
}

void reload_install(void)
{
    struct sigaction look = { .sa_handler = on_hup, .sa_flags = SA_RESTART };

    sigemptyset(&look.sa_mask);
    sigaction(SIGHUP, &look, NULL);
}

static vd_digest digest_of(const char *path)
{
    VD_AUTO(vd_buf) text = VD_BUF(FILE_BYTES);
    vd_digest none = { "" };

    return vd_file_load(path, &text, NULL) ? none : vd_sha256(vd_buf_slice(&text));
}

void reload_open(reload *r, const char *path)
{
    char folder[4096];

    *r = (reload){ .fd = -1 };
    if (!path) return;
    r->digest = digest_of(path);
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1,
             slash ? path : ".");
    snprintf(r->name, sizeof r->name, "%s", slash ? slash + 1 : path);
    r->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    /* The folder: editors and package managers put another file in the old one's place. */
    if (r->fd < 0 || inotify_add_watch(r->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        vd_log(VD_LOG_WARN, "config.unwatched",
               "changes of the configuration are seen at SIGHUP only", "file", path, NULL);
}

void reload_done(reload *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

/* Whether something happened to our file, or to the folder that our file is a link into. */
static bool heard(reload *r)
{
    union {
        struct inotify_event event;
        char bytes[4096];
    } read_into;
    bool ours = false;
    ssize_t len;

    while (r->fd >= 0 && (len = read(r->fd, &read_into, sizeof read_into)) > 0)
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event =
                (const void *)(read_into.bytes + at); /* the kernel keeps them aligned */
            ours = ours || (event->mask & IN_MOVED_TO) ||
                   (event->len && strcmp(event->name, r->name) == 0);
            at += (ssize_t)(sizeof *event + event->len);
        }
    return ours;
}

static bool same_node(const vd_config_node *a, const vd_config_node *b)
{
    VD_AUTO(vd_buf) left = VD_BUF(NODE_BYTES);
    VD_AUTO(vd_buf) right = VD_BUF(NODE_BYTES);

    if (!a || !b) return a == b;
    return !agent_node_print(a, "", &left) && !agent_node_print(b, "", &right) &&
           vd_slice_eq(vd_buf_slice(&left), vd_buf_slice(&right));
}

static void name_setting(const char *section, const char *key, vd_buf *into)
{
    (void)vd_buf_addf(into, "%s%s%s%s", into->len ? ", " : "", section, section[0] ? "." : "", key);
}

/* Members of `a` that `b` has not or has otherwise; with `gone`, only those it has not. */
static void name_members(const vd_config_node *a, const vd_config_node *b, const char *section,
                         bool gone, vd_buf *into)
{
    static const char *const live[] = { "cameras", "templates", "rules" };
    const char *key;

    for (size_t i = 0; i < vd_config_len(a); i++) {
        const vd_config_node *mine = vd_config_member(a, i, &key), *other = vd_config_get(b, key);
        bool is_live = false;
        for (size_t k = 0; k < VD_COUNT_OF(live); k++)
            is_live = is_live || (!section[0] && strcmp(key, live[k]) == 0);
        if (is_live || (gone && other && !vd_config_is_map(mine))) continue;
        if (!section[0] && vd_config_is_map(mine))
            name_members(mine, other, key, gone, into);
        else if (!same_node(mine, other) && !(gone && other))
            name_setting(section, key, into);
    }
}

/* What the file says otherwise than the one we were started with. */
static void name_restart(const agent *a, const agent_config *file, char into[200])
{
    VD_AUTO(vd_buf) names = VD_BUF(4096);
    const vd_config_node *old = vd_config_root(a->config->text), *new = vd_config_root(file->text);

    name_members(new, old, "", false, &names);
    name_members(old, new, "", true, &names);
    snprintf(into, 200, "%s", names.len ? names.data : "");
}

static void take(agent *a, agent_config *file)
{
    char restart[200];

    name_restart(a, file, restart);
    live_file(a, file);
    pthread_mutex_lock(&a->wishes_use);
    a->file_why = (vd_why){ 0 };
    snprintf(a->restart, sizeof a->restart, "%s", restart);
    pthread_mutex_unlock(&a->wishes_use);
    vd_log(VD_LOG_INFO, "config.read", "the configuration was read again", "file", a->config->path,
           NULL);
    if (restart[0])
        vd_log(VD_LOG_WARN, "config.restart", "these settings hold after a restart", "settings",
               restart, NULL);
}

static void refuse(agent *a, const vd_why *why)
{
    pthread_mutex_lock(&a->wishes_use);
    a->file_why = *why;
    a->wishes_version++;
    pthread_mutex_unlock(&a->wishes_use);
    vd_log_why(VD_LOG_ERROR, "config.refused", "the configuration is wrong, the old one holds", why,
               NULL);
}

void reload_tick(reload *r, agent *a)
{
    bool asked = atomic_exchange(&hup, false);
    agent_config *file;
    vd_why why = { 0 };

    if (!heard(r) && !asked) return;
    if (!a->config->path) return;
    vd_digest now = digest_of(a->config->path);
    if (!asked && strcmp(now.hex, r->digest.hex) == 0) return;
    r->digest = now;
    file = calloc(1, sizeof *file);
    vd_err err = file ? agent_config_load(a->config->path, file, &why)
                      : vd_fail(&why, VD_FULL, "memory ends");
    if (!err) {
        take(a, file);
        return;
    }
    free(file);
    refuse(a, &why);
}
