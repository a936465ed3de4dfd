/* main.c - vedette-hub: options, one state folder, wait for a stop. */
#include "hub.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/program.h"
#include "vd/secret.h"

#define TEND_EVERY_MS 600000

static const vd_option options[] = {
    { "config", 'c', "FILE", "Reads the settings from FILE; without it the defaults hold.", false },
    { "check-config", 0, NULL, "Reads the settings, says whether they are right, and ends.",
      false },
    { "reset-password", 0, "USER", "Gives USER a new random password, prints it, and ends.",
      false },
    { "add-device", 0, "ID",
      "Makes a device identity when it is not there, writes its connection string, and ends.",
      false },
    { "connection-file", 0, "FILE", "Where --add-device writes (mode 0600).", false },
    { "issue-token", 0, "USER", "Makes a bearer token for USER (90 days), and ends.", false },
    { "token-file", 0, "FILE", "Where --issue-token writes (mode 0600).", false },
};

static const vd_program program = {
    .name = "vedette-hub",
    .brief = "collects what devices see, opens incidents, tells people, keeps what they decide",
    .synopsis = "[--config FILE] [--check-config]\n"
                "[--config FILE] --reset-password USER\n"
                "[--config FILE] --add-device ID --connection-file FILE\n"
                "[--config FILE] --issue-token USER --token-file FILE",
    .description =
        "The hub listens for devices (MQTT over TLS) and for people, scripts and evidence (HTTPS). "
        "Events become incidents; people are told by e-mail and webhook and answer on the page.\n\n"
        "The first start makes one administrator, admin, and prints its random password once.\n\n"
        "SIGTERM and SIGINT stop it cleanly. Exit status: 0 stopped as asked, 1 failed, 2 wrong "
        "options or settings.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .files = "hub.default.yaml, installed beside the programs' documents, is the manual of every "
             "setting. The state folder holds hub.db, evidence/, tls/, secret.key and release.key, "
             "which "
             "signs models.",
    .see_also = "vedette(1), vedette-agent(8)",
    .man_section = 8,
};

/* Runs the one action that was asked for on an open hub; VD_ABSENT: none was. */
static vd_err act(hub *h, const vd_args *args, vd_why *why)
{
    char password[25];
    const char *user = vd_args_get(&program, args, "reset-password", NULL);
    const char *device = vd_args_get(&program, args, "add-device", NULL);
    const char *token_user = vd_args_get(&program, args, "issue-token", NULL);
    const char *connection = vd_args_get(&program, args, "connection-file", NULL);
    const char *token = vd_args_get(&program, args, "token-file", NULL);
    if (user) {
        vd_err err = hub_reset_password(h, user, password, why);
        if (!err) printf("new password of %s: %s\n", user, password);
        return err;
    }
    if (device)
        return connection ? hub_add_device(h, device, connection, why)
                          : vd_fail(why, VD_INVALID, "--add-device needs --connection-file FILE");
    if (token_user)
        return token ? hub_issue_token(h, token_user, token, why)
                     : vd_fail(why, VD_INVALID, "--issue-token needs --token-file FILE");
    return VD_ABSENT;
}

/* One running hub per state folder: a second one would answer for half of the devices. */
static vd_err lock_state(const char *state_dir, int *ret_fd, vd_why *why)
{
    char path[4096];
    vd_err err = vd_dir_make(state_dir, 0750, why);
    if (err) return err;
    (void)snprintf(path, sizeof path, "%s/lock", state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return vd_fail_errno(why, "the state folder '%s' cannot be written", state_dir);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        (void)vd_fail(why, VD_CONFLICT, "another hub runs on the state folder '%s'", state_dir);
        vd_why_hint(why, "stop it, or give this one a state_dir of its own");
        return VD_CONFLICT;
    }
    *ret_fd = fd;
    return VD_OK;
}

static vd_err serve(hub *h, vd_why *why)
{
    char password[25], https[24], mqtt[24];
    vd_err err = hub_start(h, password, why);
    if (err) return err;
    if (password[0]) {
        printf("first administrator: admin, password: %s\n", password);
        (void)fflush(stdout);
        vd_wipe(password, sizeof password);
    }
    vd_log(VD_LOG_INFO, "hub.ready", "the hub is ready", "version", vd_version, "https",
           vd_text_i64(hub_https_port(h), https), "mqtt", vd_text_i64(hub_mqtt_port(h), mqtt),
           NULL);
    do {
        while (hub_tend(h) && !vd_stop_asked()) continue; /* others may commit in between */
    } while (!vd_stop_wait(TEND_EVERY_MS));
    vd_log(VD_LOG_INFO, "hub.stopping", "the hub stops", NULL);
    return VD_OK;
}

static vd_err run(hub_config *config, const vd_args *args, vd_why *why)
{
    hub *h = NULL;
    int lock = -1;
    bool action = vd_args_has(&program, args, "reset-password") ||
                  vd_args_has(&program, args, "add-device") ||
                  vd_args_has(&program, args, "issue-token");
    vd_err err = action ? VD_OK : lock_state(config->state_dir, &lock, why);
    if (!err) err = hub_open(config, &h, why);
    if (!err) err = action ? act(h, args, why) : serve(h, why);
    (void)hub_close(h);
    if (lock >= 0) close(lock);
    return err;
}

int main(int argc, char **argv)
{
    vd_args args;
    hub_config config;
    vd_why why = { 0 };
    vd_err err = vd_args_read(&program, argc, argv, &args, &why);
    if (err == VD_GONE) return 0;
    if (!err) err = hub_config_load(vd_args_get(&program, &args, "config", NULL), &config, &why);
    if (err) return vd_program_fail(&program, err, &why);
    if (vd_args_has(&program, &args, "check-config")) {
        printf("the settings are right\n");
        hub_config_done(&config);
        return 0;
    }
    vd_log_start(program.name, (vd_log_format)config.log_format, (vd_log_level)config.log_level);
    vd_stop_install();
    err = run(&config, &args, &why);
    int status = err ? vd_program_fail(&program, err, &why) : 0;
    hub_config_done(&config);
    vd_log_stop();
    return status;
}
