/* sim_control.c - faults on command: one command a line, one line of answer. */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim_priv.h"

#define LINE_MAX_BYTES 256
#define ANSWER_ROOM    8192

const char *const sim_fault_names[SIM_FAULTS] = { "none",    "stall",       "disconnect",
                                                  "garbage", "black",       "frozen",
                                                  "blurred", "wrong-clock", "loss" };

static sim_camera *camera_find(sim_house *house, const char *name)
{
    for (size_t i = 0; i < house->camera_count; i++)
        if (strcmp(house->cameras[i].name, name) == 0) return &house->cameras[i];
    return NULL;
}

static GstRTSPFilterResult drop_watcher(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    const sim_camera *camera = data;
    const char *path = g_object_get_data(G_OBJECT(client), "path");
    (void)server;
    return path && strcmp(path + 1, camera->name) == 0 ? GST_RTSP_FILTER_REMOVE
                                                       : GST_RTSP_FILTER_KEEP;
}

static void set_fault(sim_house *house, sim_camera *camera, sim_fault fault)
{
    if (fault != SIM_DISCONNECT) {
        g_atomic_int_set(&camera->fault, (gint)fault);
        return;
    }
    g_atomic_int_set(&camera->fault, SIM_NONE);
    gst_rtsp_server_client_filter(house->server, drop_watcher, camera);
}

static void command_fault(sim_house *house, const char *name, const char *kind, char *into,
                          size_t room)
{
    sim_camera *camera = camera_find(house, name);
    if (!camera) {
        snprintf(into, room, "error there is no camera '%.40s'", name);
        return;
    }
    for (int i = 0; i < SIM_FAULTS; i++) {
        if (strcmp(kind, sim_fault_names[i]) != 0) continue;
        set_fault(house, camera, (sim_fault)i);
        snprintf(into, room, "ok %s %s", camera->name, sim_fault_names[i]);
        return;
    }
    const char *near = vd_nearest(vd_slice_str(kind), sim_fault_names, SIM_FAULTS);
    snprintf(into, room, "error there is no fault '%.40s'%s%s%s", kind, near ? "; '" : "",
             near ? near : "", near ? "' is near" : "");
}

static void command_list(const sim_house *house, char *into, size_t room)
{
    size_t at = (size_t)snprintf(into, room, "ok");
    for (size_t i = 0; i < house->camera_count && at < room; i++)
        at += (size_t)snprintf(into + at, room - at, " %s=%s", house->cameras[i].name,
                               sim_fault_names[g_atomic_int_get(&house->cameras[i].fault)]);
}

void sim_command(sim_house *house, const char *line, char *into, size_t room)
{
    char verb[16] = "", name[64] = "", kind[32] = "";
    const int words = sscanf(line, "%15s %63s %31s", verb, name, kind);
    if (words == 3 && strcmp(verb, "fault") == 0) {
        command_fault(house, name, kind, into, room);
    } else if (words == 1 && strcmp(verb, "list") == 0) {
        command_list(house, into, room);
    } else if (words == 1 && strcmp(verb, "quit") == 0) {
        snprintf(into, room, "ok");
        g_main_loop_quit(house->loop);
    } else {
        snprintf(into, room, "error say: fault CAMERA KIND | list | quit");
    }
}

typedef struct {
    sim_house *house;
    GSocketConnection *connection;
    GDataInputStream *lines;
} talk;

static void talk_next(talk *with);

static void talk_end(talk *with)
{
    g_object_unref(with->lines);
    g_object_unref(with->connection);
    g_free(with);
}

static void on_line(GObject *source, GAsyncResult *result, gpointer data)
{
    talk *with = data;
    char answer[ANSWER_ROOM];
    char *line =
        g_data_input_stream_read_line_finish(G_DATA_INPUT_STREAM(source), result, NULL, NULL);
    if (!line || strlen(line) > LINE_MAX_BYTES) {
        g_free(line);
        talk_end(with);
        return;
    }
    sim_command(with->house, line, answer, sizeof answer - 1);
    g_free(line);
    g_strlcat(answer, "\n", sizeof answer);
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(with->connection));
    g_output_stream_write_all(out, answer, strlen(answer), NULL, NULL, NULL);
    talk_next(with);
}

static void talk_next(talk *with)
{
    g_data_input_stream_read_line_async(with->lines, G_PRIORITY_DEFAULT, NULL, on_line, with);
}

static gboolean on_connection(GSocketService *service, GSocketConnection *connection,
                              GObject *source, gpointer data)
{
    talk *with = g_new0(talk, 1);
    (void)service, (void)source;
    with->house = data;
    with->connection = g_object_ref(connection);
    with->lines = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    talk_next(with);
    return TRUE;
}

static vd_err listen_on(GSocketService *service, GSocketAddress *address, int *ret_port,
                        vd_why *why)
{
    GError *error = NULL;
    GSocketAddress *bound = NULL;
    const gboolean fine =
        g_socket_listener_add_address(G_SOCKET_LISTENER(service), address, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_DEFAULT, NULL, &bound, &error);
    g_object_unref(address);
    if (!fine) {
        vd_fail(why, VD_IO, "the control socket cannot be opened");
        vd_why_detail(why, "%.300s", error->message);
        g_error_free(error);
        return VD_IO;
    }
    if (G_IS_INET_SOCKET_ADDRESS(bound))
        *ret_port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    g_object_unref(bound);
    return VD_OK;
}

vd_err sim_control_listen(sim_house *house, int port, const char *path, int *ret_port, vd_why *why)
{
    vd_err err = VD_OK;
    if (port < 0 && !path) return VD_OK;
    GSocketService *service = g_socket_service_new(); /* lives as long as the program */
    if (port >= 0)
        err = listen_on(service, g_inet_socket_address_new_from_string("127.0.0.1", (guint)port),
                        ret_port, why);
    if (!err && path) {
        unlink(path);
        err = listen_on(service, g_unix_socket_address_new(path), ret_port, why);
    }
    if (err) return err;
    g_signal_connect(service, "incoming", G_CALLBACK(on_connection), house);
    g_socket_service_start(service);
    return VD_OK;
}

static sim_house *stdin_house;
static bool stdin_ends;

static gboolean on_stdin(GIOChannel *channel, GIOCondition condition, gpointer data)
{
    char answer[ANSWER_ROOM];
    gchar *line = NULL;
    (void)condition, (void)data;
    const GIOStatus status = g_io_channel_read_line(channel, &line, NULL, NULL, NULL);
    if (status == G_IO_STATUS_AGAIN) return TRUE;
    if (status != G_IO_STATUS_NORMAL) {
        if (stdin_ends) g_main_loop_quit(stdin_house->loop);
        return FALSE;
    }
    sim_command(stdin_house, line, answer, sizeof answer);
    g_free(line);
    printf("%s\n", answer);
    fflush(stdout);
    return TRUE;
}

void sim_control_stdin(sim_house *house, bool end_with_it)
{
    GIOChannel *channel = g_io_channel_unix_new(STDIN_FILENO);
    stdin_house = house;
    stdin_ends = end_with_it;
    g_io_channel_set_encoding(channel, NULL, NULL);
    g_io_add_watch(channel, G_IO_IN | G_IO_HUP | G_IO_ERR, on_stdin, NULL);
    g_io_channel_unref(channel);
}
