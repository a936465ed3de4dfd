/* A worker's day: ask for a run, work on it, leave what it made, ask again. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "job_priv.h"
#include "vd/clock.h"
#include "vd/log.h"
#include "vd/program.h"

#define FINISH_TRIES 5

static vd_err ask(hub_link *link, const trainer_worker *w, vd_json **ret_lease, vd_why *why)
{
    VD_AUTO(vd_buf) body = VD_BUF(4096);
    char host[65] = "worker";
    (void)gethostname(host, sizeof(host) - 1);
    vd_json_w out = vd_json_writer(&body);
    vd_json_w_object(&out);
    vd_json_w_kv_text(&out, "worker", w->name ? w->name : host);
    vd_json_w_key(&out, "kinds");
    vd_json_w_list(&out);
    if (w->train) vd_json_w_text(&out, "train");
    if (w->evaluate) vd_json_w_text(&out, "evaluate");
    if (w->quantize) vd_json_w_text(&out, "quantize");
    vd_json_w_list_end(&out);
    vd_json_w_object_end(&out);
    if (vd_json_w_end(&out)) return vd_fail(why, VD_FULL, "the request does not fit");
    return link_call(link, "POST", "/api/v1/worker/lease", vd_buf_slice(&body), ret_lease, why);
}

/* The run's settings, over those of this worker's file. */
static vd_err read_settings(job *j, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(1u << 20);
    VD_AUTO(vd_config_ptr) config = NULL;
    const vd_json *given = vd_json_get(j->run, "config");
    vd_err err = vd_json_print(given, &text);
    if (!err)
        err = vd_config_parse(vd_buf_slice(&text), "the run", &config, why); /* JSON is YAML */
    int64_t own = j->settings.threads;
    if (!err) err = trainer_settings_read(vd_config_root(config), &j->settings, why);
    if (!j->settings.threads) j->settings.threads = own;
    return err;
}

static bool take_texts(job *j, const vd_json *lease)
{
    j->run = vd_json_get(lease, "run");
    return vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(lease, "lease"), "")), j->lease,
                             sizeof(j->lease)) &&
           vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(j->run, "id"), "")), j->id,
                             sizeof(j->id)) &&
           vd_slice_to_chars(vd_slice_str(vd_json_text(vd_json_get(j->run, "kind"), "")), j->kind,
                             sizeof(j->kind)) &&
           j->id[0] && !strchr(j->id, '/');
}

static vd_err prepare(job *j, const vd_json *lease, vd_why *why)
{
    const trainer_worker *w = &j->config->worker;
    const char *state = w->state_dir ? w->state_dir : "var/trainer";
    if (!take_texts(j, lease)) return vd_fail(why, VD_INVALID, "the hub's lease cannot be read");
    int used = snprintf(j->folder, sizeof(j->folder), "%s/runs/%s", state, j->id);
    (void)snprintf(j->pictures, sizeof(j->pictures), "%s/pictures", state);
    if (used < 0 || (size_t)used >= sizeof(j->folder))
        return vd_fail(why, VD_INVALID, "the path of state_dir is too long");
    return read_settings(j, why);
}

/* Whoever stops a worker wants the run to be taken over, not to be ended. */
static figures_how end(job *j, vd_err err, const vd_why *what)
{
    vd_why why = { 0 };
    if (err == VD_GONE && !j->cancelled) {
        vd_log(VD_LOG_INFO, "worker.left", "the run waits for a worker to take it up again", "run",
               j->id, NULL);
        return FIGURES_LEFT;
    }
    if (j->cancelled) {
        vd_log(VD_LOG_INFO, "worker.cancelled", "the run goes on no further", "run", j->id, "why",
               j->reason, NULL);
        job_clear(j);
        return FIGURES_CANCELLED;
    }
    if (err) vd_log_why(VD_LOG_ERROR, "worker.failed", "the run failed", what, "run", j->id, NULL);
    vd_err told = VD_RETRY;
    for (int i = 0; i < FINISH_TRIES && told == VD_RETRY; i++) {
        if (i && vd_stop_wait(2000 << i)) break;
        told = job_finish(j, err, what, &why);
    }
    if (told)
        vd_log_why(VD_LOG_WARN, "worker.unfinished", "the hub did not take the end of the run",
                   &why, "run", j->id, NULL);
    else if (!err)
        vd_log(VD_LOG_INFO, "worker.done", "the run is done", "run", j->id, NULL);
    job_clear(j);
    if (told) return j->cancelled ? FIGURES_CANCELLED : FIGURES_LEFT;
    return err ? FIGURES_FAILED : FIGURES_DONE;
}

static void work_on(hub_link *link, const trainer_config *config, figures *f, const vd_json *lease)
{
    vd_why why = { 0 };
    job *j = calloc(1, sizeof(*j));
    if (!j) return;
    j->link = link;
    j->config = config;
    j->figures = f;
    j->settings = config->train;
    vd_err err = prepare(j, lease, &why);
    figures_take(f, j->kind);
    if (!err) {
        vd_log(VD_LOG_INFO, "worker.took", "took a run", "run", j->id, "kind", j->kind, NULL);
        job_kind run = job_kind_of(j->kind);
        if (!run) err = vd_fail(&why, VD_INVALID, "this worker knows no runs of this kind");
        if (!err) err = job_fetch(j, &why);
        if (!err) err = run(j, &why);
    }
    figures_end(f, end(j, err, &why));
    free(j);
}

vd_err trainer_work(const trainer_config *config, vd_why *why)
{
    hub_link *link = NULL;
    if (!config->worker.url || !config->worker.token_file)
        return vd_fail(why, VD_INVALID, "a worker needs --hub and --token-file");
    VD_AUTO(figures) f;
    vd_err err = figures_start(&f, &config->worker, why);
    if (!err) err = link_open(&config->worker, &link, why);
    if (err) return err;
    vd_log(VD_LOG_INFO, "worker.ready", "the worker asks for runs", "hub", config->worker.url,
           "version", vd_version, NULL);
    while (!vd_stop_asked()) {
        VD_AUTO(vd_json_ptr) lease = NULL;
        vd_why asked = { 0 };
        err = ask(link, &config->worker, &lease, &asked);
        figures_hub(&f, !err);
        if (!err && lease)
            work_on(link, config, &f, lease);
        else if (err)
            vd_log_why(VD_LOG_WARN, "worker.unanswered", "the hub gives no run", &asked, NULL);
        if (err || !lease) (void)vd_stop_wait((int)config->worker.poll_ms);
    }
    (void)link_close(link);
    vd_log(VD_LOG_INFO, "worker.stopped", "the worker stops", NULL);
    return VD_OK;
}
