/* camera_child.c - starting and ending vedette-camera. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera_priv.h"
#include "vd/clock.h"
#include "vd/secret.h"

#define CHILD_NAME "vedette-camera"

/* Beside the running program, or where a build tree has it. */
static bool child_beside(char *into, size_t room)
{
    static const char *const places[] = { "", "camera/", "../agent/camera/",
                                          "../../agent/camera/" };
    char folder[2048];
    const ssize_t len = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (len <= 0) return false;
    folder[len] = 0;
    *strrchr(folder, '/') = 0;
    for (size_t i = 0; i < VD_COUNT_OF(places); i++) {
        snprintf(into, room, "%s/%s" CHILD_NAME, folder, places[i]);
        if (access(into, X_OK) == 0) return true;
    }
    snprintf(into, room, "%s/" CHILD_NAME, folder);
    return false;
}

static vd_err child_find(const vd_camera *camera, char *into, size_t room, vd_why *why)
{
    const char *asked = camera->child_path ? camera->child_path : getenv("VEDETTE_CAMERA_CHILD");
    if (!asked || !asked[0]) {
        if (child_beside(into, room)) return VD_OK;
    } else {
        snprintf(into, room, "%s", asked);
        if (access(into, X_OK) == 0) return VD_OK;
    }
    const vd_err err = vd_fail_errno(why, "the camera program is missing");
    vd_why_detail(why, "%.300s", into);
    vd_why_hint(why, "install vedette-camera beside vedette-agent");
    return err;
}

/* The file is opened here, with the agent's rights; the child gets the descriptor. */
static vd_err file_open(const vd_camera *camera, int *ret_fd, vd_why *why)
{
    struct stat about;
    const char *path = camera->config.url;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        const vd_err err = vd_fail_errno(why, errno == ENOENT ? "there is no such video file"
                                                              : "the video file cannot be opened");
        vd_why_detail(why, "%.300s", path);
        vd_why_hint(why, "check the path and who may read the file");
        return err;
    }
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
        *ret_fd = fd;
        return VD_OK;
    }
    close(fd);
    vd_fail(why, VD_INVALID, "this path is no file");
    vd_why_detail(why, "%.300s", path);
    vd_why_hint(why, "give the path of a video file");
    return VD_INVALID;
}

/* Likewise: a device may be opened by its group only. */
static vd_err device_open(const vd_camera *camera, int *ret_fd, vd_why *why)
{
    const char *path = camera->config.url;
    *ret_fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*ret_fd >= 0) return VD_OK;
    const int error = errno;
    const vd_err err = vd_fail_errno(why, error == ENOENT || error == ENODEV || error == ENXIO
                                              ? "there is no such camera: it is not plugged in"
                                          : error == EBUSY ? "another program uses the camera"
                                                           : "the camera cannot be opened");
    vd_why_detail(why, "%.200s: %s", path, strerror(error));
    vd_why_hint(why, "%s",
                error == EACCES || error == EPERM
                    ? "put the agent's user into the group `video`"
                    : "plug it in, it is found by itself; a path under "
                      "/dev/v4l/by-id stays the same");
    return err;
}

static bool child_spawn(const char *path, int socket_fd, pid_t *ret_pid)
{
    /* Name look-ups must not outlast the watchdog. Nothing else of our environment goes along. */
    char resolver[] = "RES_OPTIONS=timeout:1 attempts:2", language[] = "LC_ALL=C";
    char *environment[] = { resolver, language, NULL };
    char name[] = CHILD_NAME;
    char *arguments[] = { name, NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0); /* Ctrl-C is for the agent, which ends us in order */
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, socket_fd, WIRE_FD);
    const int error = posix_spawn(ret_pid, path, &files, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error == 0;
}

/* What the clock of a file camera says now. */
static int64_t file_clock_us(const vd_camera *camera)
{
    const int64_t since_us = vd_clock_mono_us() - camera->born_us;
    return camera->config.from_utc_us + since_us * camera_speed(camera);
}

static void masks_send(const vd_camera_config *config, wire_config *message)
{
    _Static_assert(VD_MASKS_MAX == WIRE_MASKS_MAX && VD_MASK_CORNERS_MAX == WIRE_CORNERS_MAX,
                   "the wire has room for all masks");
    message->encode = config->encode;
    message->mask_count = config->mask_count;
    for (unsigned i = 0; i < config->mask_count; i++) {
        message->mask[i].count = config->masks[i].count;
        memcpy(message->mask[i].corner, config->masks[i].corner, sizeof config->masks[i].corner);
    }
}

static void trust_send(const vd_trust_config *trust, wire_config *message)
{
    message->insecure = trust->insecure;
    snprintf(message->ca_file, sizeof message->ca_file, "%s", trust->ca_file ? trust->ca_file : "");
    snprintf(message->fingerprint, sizeof message->fingerprint, "%s",
             trust->fingerprint ? trust->fingerprint : "");
}

static bool config_send(const vd_camera *camera, int socket_fd, int file_fd)
{
    const vd_camera_config *config = &camera->config;
    const bool folder = config->kind == VD_CAMERA_FOLDER;
    const bool onvif = config->kind == VD_CAMERA_ONVIF;
    const bool whole = folder || (camera->pair && !camera->alone); /* decoded simply, when it is */
    wire_config message = { .head = WIRE_HEAD(WIRE_CONFIG, sizeof message),
                            .parent_pid = getpid(),
                            .kind = onvif ? VD_CAMERA_RTSP : config->kind,
                            .transport = config->transport,
                            .pace = folder ? VD_PACE_FAST : config->pace, /* every still counts */
                            .loop = config->loop,
                            .max_fps = folder ? 0 : config->max_fps,
                            .packets_only = camera_packets_only(camera),
                            .decode = whole ? VD_DECODE_ALL : config->decode };
    snprintf(message.hwaccel, sizeof message.hwaccel, "%s",
             config->hwaccel && !camera->hw_off && !whole ? config->hwaccel : "off");
    message.patience_ms = config->patience_ms;
    message.speed = camera_speed(camera);
    message.from_utc_us = config->from_utc_us ? file_clock_us(camera) : 0;
    message.usb_width = config->usb.width_px;
    message.usb_height = config->usb.height_px;
    message.usb_fps = config->usb.fps;
    snprintf(message.usb_format, sizeof message.usb_format, "%s",
             config->usb.format ? config->usb.format : "");
    masks_send(config, &message);
    trust_send(&config->trust, &message);
    snprintf(message.url, sizeof message.url, "%s", onvif ? camera->place : config->url);
    snprintf(message.user, sizeof message.user, "%s", config->user ? config->user : "");
    snprintf(message.password, sizeof message.password, "%s",
             config->password ? config->password : "");
    const bool sent = camera_send(socket_fd, &message.head, file_fd);
    vd_wipe(&message, sizeof message);
    return sent;
}

static vd_err child_connect(vd_camera *camera, int file_fd, vd_why *why)
{
    char path[4096];
    int pair[2];
    pid_t pid = 0;
    vd_err err = child_find(camera, path, sizeof path, why);
    if (err) return err;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return vd_fail_errno(why, "no socket for the camera's process");
    if (!child_spawn(path, pair[1], &pid))
        err = vd_fail_errno(why, "the camera's process does not start");
    close(pair[1]);
    if (err) {
        close(pair[0]);
        return err;
    }
    pthread_mutex_lock(&camera->lock);
    camera->fd = pair[0];
    camera->pid = pid;
    camera->awake_until_utc_us = 0;
    camera->status.gate = VD_GATE_OFF;
    camera->status.decoder[0] = 0;
    const bool told = config_send(camera, pair[0], file_fd); /* before anybody else says a word */
    pthread_mutex_unlock(&camera->lock);
    if (!told) return vd_fail_errno(why, "the camera's process does not listen");
    return VD_OK;
}

vd_err camera_child_start(vd_camera *camera, vd_why *why)
{
    int file_fd = -1;
    vd_err err = VD_OK;
    if (camera->config.kind == VD_CAMERA_FILE) err = file_open(camera, &file_fd, why);
    if (camera->config.kind == VD_CAMERA_USB) err = device_open(camera, &file_fd, why);
    if (camera->config.kind == VD_CAMERA_FOLDER) err = camera_folder_open(camera, why);
    if (camera->config.kind == VD_CAMERA_ONVIF) err = camera_onvif_find(camera, why);
    if (!err) err = child_connect(camera, file_fd, why);
    if (file_fd >= 0) close(file_fd);
    return err;
}

void camera_child_end(vd_camera *camera, int *ret_status)
{
    pthread_mutex_lock(&camera->lock);
    const int fd = camera->fd;
    const pid_t pid = camera->pid;
    camera->fd = -1;
    camera->pid = 0;
    pthread_mutex_unlock(&camera->lock);
    *ret_status = 0;
    if (fd >= 0) close(fd);
    if (pid <= 0) return;
    int status = 0;
    /* One that died by itself keeps its own cause. */
    if (waitpid(pid, &status, WNOHANG) != pid) {
        kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    }
    *ret_status = status;
}
