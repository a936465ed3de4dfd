/* sim_test_priv.h - a camera-sim of a test's own: started, commanded, ended. */
#ifndef VD_SIM_TEST_PRIV_H
#define VD_SIM_TEST_PRIV_H
#include <fcntl.h>

#include "camera_test_priv.h"

typedef struct {
    pid_t pid;
    FILE *to, *from;
    int port;
    char url[256]; /* of the first camera */
} sim;

static inline int sim_spawn(sim *self, char *const arguments[])
{
    extern char **environ;
    int in[2], out[2];
    posix_spawn_file_actions_t files;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    const int error = posix_spawn(&self->pid, arguments[0], &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    self->to = fdopen(in[1], "w");
    self->from = fdopen(out[0], "r");
    return error;
}

/* `more` are further options, NULL-closed. The port is any free one when 0. */
static inline void sim_start(sim *self, const char *film, int port, const char *cache,
                             const char *const *more)
{
    char camera[256], port_text[16], line[512];
    const char *arguments[48] = {
        getenv("VEDETTE_CAMERA_SIM"), "--port",   port_text, "--cache", cache, "--loop",
        "--end-with-stdin",           "--camera", camera
    };
    size_t count = 9;
    memset(self, 0, sizeof *self);
    assert_non_null(arguments[0]);
    snprintf(camera, sizeof camera, "yard=%s", film);
    snprintf(port_text, sizeof port_text, "%d", port);
    while (more && *more && count < 47) arguments[count++] = *more++;
    assert_int_equal(sim_spawn(self, (char *const *)(uintptr_t)arguments), 0);
    do assert_non_null(fgets(line, sizeof line, self->from));
    while (sscanf(line, "camera-sim: ready %255s", self->url) != 1);
    assert_int_equal(sscanf(self->url, "rtsp://127.0.0.1:%d/", &self->port), 1);
}

static inline void sim_say(sim *self, const char *command)
{
    char answer[256];
    fprintf(self->to, "%s\n", command);
    fflush(self->to);
    assert_non_null(fgets(answer, sizeof answer, self->from));
    if (strncmp(answer, "ok", 2) != 0) print_error("'%s' gave '%s'\n", command, answer);
    assert_true(strncmp(answer, "ok", 2) == 0);
}

static inline int sim_stop(sim *self)
{
    int status = -1;
    if (self->pid <= 0) return -1;
    fclose(self->to); /* its end is the sim's end */
    while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR) continue;
    fclose(self->from);
    self->pid = 0;
    return status;
}

static inline vd_camera_config sim_camera_config(const sim *self)
{
    return (vd_camera_config){ .id = "yard", .kind = VD_CAMERA_RTSP, .url = self->url };
}
#endif
