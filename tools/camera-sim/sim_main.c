/* sim_main.c - camera-sim: options, the server, the end. */
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim_priv.h"
#include "vd/file.h"
#include "vd/program.h"
#include "vd/secret.h"

#if defined(__SANITIZE_ADDRESS__)
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1; /* GStreamer keeps its registry and types until the end */
}
#endif

static const vd_option options[] = {
    { "port", 'p', "PORT", "RTSP port; 0 takes a free one (default 8554).", false },
    { "listen", 0, "ADDRESS", "Address to listen on (default 127.0.0.1).", false },
    { "camera", 'c', "NAME=FILE[@SECONDS]",
      "A camera at /NAME that plays FILE, from SECONDS on. More than eight are given as plain "
      "arguments of the same form.",
      true },
    { "codec", 0, "CODEC", "h264 (default), h265 or mjpeg.", false },
    { "loop", 0, NULL, "Start again at the film's end, for ever.", false },
    { "start-at", 0, "SECONDS", "Where cameras begin that have no @SECONDS.", false },
    { "user", 'u', "NAME", "Only this user may watch.", false },
    { "password-file", 0, "FILE", "The user's password is the first line of FILE.", false },
    { "cache", 0, "DIR", "Where encoded films are kept (default $XDG_CACHE_HOME/vedette).", false },
    { "control", 0, "PORT", "Take commands on 127.0.0.1:PORT; 0 takes a free one.", false },
    { "control-socket", 0, "FILE", "Take commands on a Unix socket.", false },
    { "end-with-stdin", 0, NULL, "End when standard input ends.", false },
};

static const vd_program program = {
    .name = "camera-sim",
    .brief = "plays video files as RTSP cameras that can misbehave",
    .synopsis = "--camera NAME=FILE[@SECONDS]... [--port PORT] [--loop]",
    .description =
        "Serves each file as a live RTSP camera at rtsp://127.0.0.1:PORT/NAME. Films are encoded "
        "once, with a key picture each second, and kept in a cache.\n\n"
        "When all cameras can be watched one line is printed: camera-sim: ready URL... "
        "Commands come a line each on standard input or the control socket, and are answered by "
        "one line that begins with ok or error: fault CAMERA none|stall|disconnect|garbage|black|"
        "frozen|blurred|wrong-clock|loss, list, quit.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .see_also = "vedette-agent(8)",
    .man_section = 1,
};

/* Its own 5 let a sixth that connects at once wait for TCP's next try: 1, 3, 7 s. */
#define BACKLOG 256

typedef struct {
    vd_args args;
    sim_codec codec;
    char cache[4096];
    sim_camera cameras[SIM_CAMERAS_MAX];
    char *paths[SIM_CAMERAS_MAX];
    sim_film *films[SIM_CAMERAS_MAX];
    size_t count;
} sim;

static const char *option(const sim *self, const char *name, const char *fallback)
{
    return vd_args_get(&program, &self->args, name, fallback);
}

static vd_err number_option(const sim *self, const char *name, long most, long fallback,
                            long *ret_value, vd_why *why)
{
    uint64_t value = 0;
    const char *text = option(self, name, NULL);
    *ret_value = fallback;
    if (!text) return VD_OK;
    if (!vd_slice_u64(vd_slice_str(text), (uint64_t)most, &value))
        return vd_fail(why, VD_INVALID, "--%s takes a number from 0 to %ld, not '%.40s'", name,
                       most, text);
    *ret_value = (long)value;
    return VD_OK;
}

static vd_err read_codec(sim *self, vd_why *why)
{
    static const char *const names[] = { "h264", "h265", "mjpeg" };
    const char *text = option(self, "codec", "h264");
    for (size_t i = 0; i < VD_COUNT_OF(names); i++)
        if (strcmp(names[i], text) == 0) {
            self->codec = (sim_codec)i;
            return VD_OK;
        }
    return vd_fail(why, VD_INVALID, "--codec takes h264, h265 or mjpeg, not '%.40s'", text);
}

/* NAME=FILE[@SECONDS]; a file whose own name ends like that is taken as it is. */
static vd_err add_camera(sim *self, const char *text, long start_s, vd_why *why)
{
    vd_slice path;
    uint64_t seconds = 0;
    const vd_slice name = vd_slice_cut(vd_slice_str(text), '=', &path);
    if (self->count == SIM_CAMERAS_MAX)
        return vd_fail(why, VD_FULL, "at most %d cameras", SIM_CAMERAS_MAX);
    sim_camera *camera = &self->cameras[self->count];
    if (!path.len || !name.len || !vd_slice_to_chars(name, camera->name, sizeof camera->name) ||
        strspn(camera->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != name.len)
        return vd_fail(why, VD_INVALID, "'%.60s' is no camera: say NAME=FILE, NAME of a-z 0-9 -",
                       text);
    char *file = self->paths[self->count++] = g_strndup((const char *)path.data, path.len);
    char *at = strrchr(file, '@');
    camera->start_us = start_s * INT64_C(1000000);
    camera->loop = vd_args_has(&program, &self->args, "loop");
    if (at && access(file, F_OK) != 0 && vd_slice_u64(vd_slice_str(at + 1), 1000000, &seconds)) {
        *at = 0;
        camera->start_us = (int64_t)seconds * 1000000;
    }
    return VD_OK;
}

static vd_err read_cameras(sim *self, vd_why *why)
{
    long start_s = 0;
    vd_err err = number_option(self, "start-at", 1000000, 0, &start_s, why);
    const size_t at = 2; /* "camera" in the table above */
    for (unsigned i = 0; !err && i < self->args.count[at]; i++)
        err = add_camera(self, self->args.value[at][i], start_s, why);
    for (unsigned i = 0; !err && i < self->args.rest_count; i++)
        err = add_camera(self, self->args.rest[i], start_s, why);
    if (!err && self->count == 0) err = vd_fail(why, VD_INVALID, "no camera is named");
    return err;
}

/* Cameras of one file share its film. */
static vd_err open_films(sim *self, vd_why *why)
{
    const char *cache = option(self, "cache", NULL);
    if (cache)
        snprintf(self->cache, sizeof self->cache, "%s", cache);
    else
        snprintf(self->cache, sizeof self->cache, "%s/vedette", g_get_user_cache_dir());
    vd_err err = VD_OK;
    for (size_t i = 0; !err && i < self->count; i++) {
        for (size_t j = 0; j < i && !self->cameras[i].film; j++)
            if (strcmp(self->paths[i], self->paths[j]) == 0)
                self->cameras[i].film = self->cameras[j].film;
        if (self->cameras[i].film) continue;
        err = sim_film_open(self->paths[i], self->codec, self->cache, &self->films[i], why);
        self->cameras[i].film = self->films[i];
    }
    return err;
}

static vd_err read_password(const sim *self, vd_buf *into, vd_why *why)
{
    const char *path = option(self, "password-file", NULL);
    if (!path) return vd_fail(why, VD_INVALID, "--user needs --password-file");
    const vd_err err = vd_file_load(path, into, why);
    if (!err) into->len = strcspn(into->data, "\r\n");
    if (!err) into->data[into->len] = 0;
    return err;
}

static vd_err require_user(const sim *self, GstRTSPServer *server, vd_why *why)
{
    const char *user = option(self, "user", NULL);
    VD_AUTO(vd_buf) password = VD_BUF(1024);
    if (!user) return VD_OK;
    const vd_err err = read_password(self, &password, why);
    if (err) return err;
    GstRTSPAuth *auth = gst_rtsp_auth_new();
    GstRTSPToken *token =
        gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, user, NULL);
    gchar *basic = gst_rtsp_auth_make_basic(user, password.data);
    gst_rtsp_auth_set_supported_methods(auth, GST_RTSP_AUTH_DIGEST);
    gst_rtsp_auth_add_basic(auth, basic, token);
    gst_rtsp_auth_add_digest(auth, user, password.data, token);
    gst_rtsp_server_set_auth(server, auth);
    g_free(basic);
    gst_rtsp_token_unref(token);
    g_object_unref(auth);
    vd_wipe(password.data, password.len);
    return VD_OK;
}

static void remember_path(GstRTSPClient *client, GstRTSPContext *context, gpointer data)
{
    (void)data;
    if (context->uri && context->uri->abspath)
        g_object_set_data_full(G_OBJECT(client), "path", g_strdup(context->uri->abspath), g_free);
}

static void on_client(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void)server, (void)data;
    g_signal_connect(client, "describe-request", G_CALLBACK(remember_path), NULL);
}

static gboolean drop_old_sessions(gpointer data)
{
    GstRTSPSessionPool *pool = gst_rtsp_server_get_session_pool(data);
    gst_rtsp_session_pool_cleanup(pool);
    g_object_unref(pool);
    return TRUE;
}

static gboolean on_signal(gpointer data)
{
    g_main_loop_quit(data);
    return TRUE;
}

static vd_err open_server(sim *self, GstRTSPServer *server, vd_why *why)
{
    long port = 0;
    char service[16];
    vd_err err = number_option(self, "port", 65535, 8554, &port, why);
    if (!err) err = require_user(self, server, why);
    if (err) return err;
    snprintf(service, sizeof service, "%ld", port);
    gst_rtsp_server_set_address(server, option(self, "listen", "127.0.0.1"));
    gst_rtsp_server_set_service(server, service);
    gst_rtsp_server_set_backlog(server, BACKLOG);
    for (size_t i = 0; i < self->count; i++)
        sim_camera_mount(server, &self->cameras[i], option(self, "user", NULL));
    g_signal_connect(server, "client-connected", G_CALLBACK(on_client), NULL);
    if (gst_rtsp_server_attach(server, NULL) == 0) {
        vd_fail(why, VD_IO, "port %ld cannot be opened", port);
        vd_why_hint(why, "is another server there? choose another with --port");
        return VD_IO;
    }
    return VD_OK;
}

static void say_ready(const sim *self, GstRTSPServer *server, int control_port)
{
    const int port = gst_rtsp_server_get_bound_port(server);
    if (control_port) printf("camera-sim: control 127.0.0.1:%d\n", control_port);
    printf("camera-sim: ready");
    for (size_t i = 0; i < self->count; i++)
        printf(" rtsp://%s:%d/%s", option(self, "listen", "127.0.0.1"), port,
               self->cameras[i].name);
    printf("\n");
    fflush(stdout);
}

static vd_err serve(sim *self, vd_why *why)
{
    long control = -1;
    int control_port = 0;
    GstRTSPServer *server = gst_rtsp_server_new();
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    sim_house house = {
        .loop = loop, .server = server, .cameras = self->cameras, .camera_count = self->count
    };
    vd_err err = open_server(self, server, why);
    if (!err) err = number_option(self, "control", 65535, -1, &control, why);
    if (!err)
        err = sim_control_listen(&house, (int)control, option(self, "control-socket", NULL),
                                 &control_port, why);
    if (!err) {
        sim_control_stdin(&house, vd_args_has(&program, &self->args, "end-with-stdin"));
        g_timeout_add_seconds(10, drop_old_sessions, server);
        g_unix_signal_add(SIGINT, on_signal, loop);
        g_unix_signal_add(SIGTERM, on_signal, loop);
        say_ready(self, server, control_port);
        g_main_loop_run(loop);
        const char *socket_path = option(self, "control-socket", NULL);
        if (socket_path) unlink(socket_path);
    }
    return err;
}

int main(int argc, char **argv)
{
    static sim self;
    vd_why why = { 0 };
    vd_err err = vd_args_read(&program, argc, argv, &self.args, &why);
    if (err == VD_GONE) return 0;
    signal(SIGPIPE, SIG_IGN);
    av_log_set_level(AV_LOG_FATAL);
    if (!err) err = read_codec(&self, &why);
    if (!err) err = read_cameras(&self, &why);
    if (!err) err = open_films(&self, &why);
    if (!err) gst_init(NULL, NULL);
    if (!err) err = serve(&self, &why);
    /* Films stay until the end of the process: feeders may still play them. */
    return err ? vd_program_fail(&program, err, &why) : 0;
}
