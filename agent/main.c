/* main.c - vedette-agent: the program beside the cameras. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent_priv.h"
#include "vd/program.h"

#define TICK_MS 1000

static const vd_option options[] = {
    { "config", 'c', "FILE", "The configuration; the installed one when left out.", false },
    { "check-config", 0, NULL, "Check the configuration, say what is wrong, and exit.", false },
    { "print-config", 0, NULL, "Print the commented default configuration, its manual, and exit.",
      false },
    { "self-test", 0, "FOLDER",
      "Run an installed model on its reference pictures, say whether it is fit, and exit; the "
      "agent "
      "does so before it uses a model that the hub sent.",
      false },
};

static const vd_program program = {
    .name = "vedette-agent",
    .brief = "watch cameras, decide on the spot, keep the evidence, tell the hub",
    .synopsis = "[--config FILE]",
    .description =
        "Runs beside the cameras and needs no hub: what it decides and keeps waits in its outbox "
        "until a hub has it, for any time.\n\nThe configuration is one YAML file; its commented "
        "default is the manual (--print-config). Unknown settings are errors. SIGTERM and SIGINT "
        "end open events, finish their clips and stop.",
    .options = options,
    .option_count = VD_COUNT_OF(options),
    .files = "/etc/vedette/agent.yaml: the configuration when --config is left out.\n\n"
             "/var/lib/vedette: outbox, evidence and the hub's last rules, when state_dir says so.",
    .see_also = "vedette(1), vedette-hub(8)",
    .man_section = 8,
};

extern const char agent_default_yaml[];

/* Where a hub may have sent a model, it may know other classes than the file's. */
static vd_err check_classes(const agent_config *config, vd_why *why)
{
    VD_AUTO(vd_buf) notes = VD_BUF(65536);
    vd_why own = { 0 };
    char line[800];

    vd_err err = agent_check_classes(config, &notes, &own);
    if (notes.len) fprintf(stderr, "%s", notes.data);
    if (err && config->connection_string_file[0]) {
        fprintf(stderr, "%s, unless the hub sends a model that does\n",
                vd_why_line(&own, line, sizeof line));
        return VD_OK;
    }
    if (err) *why = own;
    return err;
}

static vd_err check(const agent_config *config, vd_why *why)
{
    vd_err err = agent_config_whole(config, why);

    vd_arming arming;
    if (!err) err = rulebook_check(config, why);
    if (!err) err = check_classes(config, why);
    if (!err) err = vd_arming_read(config->arming, &arming, why);
    if (!err) err = port_check(config, why);
    return err ? err : agent_check_hub(config, why);
}

static void run(agent *a, reload *file)
{
    report_state state = { 0 };
    char cameras[24];

    vd_log(VD_LOG_INFO, "agent.ready", "watching", "device", a->device, "cameras",
           vd_text_i64(agent_camera_count(a), cameras), "hub", a->link ? "yes" : "no", NULL);
    do {
        reload_tick(file, a);
        live_apply(a);
        report_tick(a, &state);
        watch_tick(a);
        wellness_tick(a);
    } while (!vd_stop_wait(TICK_MS));
    vd_log(VD_LOG_INFO, "agent.stopping", "ending events and stopping", NULL);
}

static vd_err work(const agent_config *config, vd_why *why)
{
    agent *a = calloc(1, sizeof *a);
    if (!a) return vd_fail(why, VD_FULL, "memory ends");
    reload file;

    reload_open(&file, config->path);
    vd_log_start(program.name, (vd_log_format)config->log_format, (vd_log_level)config->log_level);
    vd_err err = agent_start(a, config, why);
    if (!err) run(a, &file);
    reload_done(&file);
    agent_stop(a);
    if (!err) vd_log(VD_LOG_INFO, "agent.stopped", "stopped", NULL);
    vd_log_stop();
    free(a);
    return err;
}

static void say_step(const char *step)
{
    printf("%s\n", step);
    fflush(stdout);
}

/* In a process of its own: it ends with the agent, and gives way to it. */
static vd_err self_test(const agent_config *config, const char *folder, vd_why *why)
{
    vd_model_options model_options = looks_options(config, 0);
    char line[800];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (nice(10) < 0) say_step("no nicer");
    vd_err err = vd_models_check(folder, &model_options, say_step, why);
    if (err) printf("refused: %s\n", vd_why_line(why, line, sizeof line));
    return err;
}

int main(int argc, char **argv)
{
    VD_AUTO(agent_config) config = agent_config_default();
    vd_args args;
    vd_why why = { 0 };

    vd_stop_install();
    reload_install();
    vd_err err = vd_args_read(&program, argc, argv, &args, &why);
    if (err == VD_GONE) return 0;
    if (!err && args.rest_count)
        err = vd_fail(&why, VD_INVALID, "'%.60s' is one word too many", args.rest[0]);
    if (!err && vd_args_has(&program, &args, "print-config"))
        return fputs(agent_default_yaml, stdout) < 0;
    const char *path = vd_args_get(&program, &args, "config", "/etc/vedette/agent.yaml");
    if (!err) err = agent_config_load(path, &config, &why);
    if (!err && vd_args_has(&program, &args, "check-config")) {
        err = check(&config, &why);
        if (!err) printf("%s is good: %u camera(s)\n", path, config.camera_count);
    } else if (!err && vd_args_has(&program, &args, "self-test")) {
        err = self_test(&config, vd_args_get(&program, &args, "self-test", ""), &why);
    } else if (!err) {
        err = work(&config, &why);
    }
    return err ? vd_program_fail(&program, err, &why) : 0;
}
