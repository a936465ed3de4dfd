/* figures.c - what Prometheus may ask on the local port. Asked from the port's thread: everything
 * here is read through calls that any thread may make. */
#include <stdio.h>

#include "agent_priv.h"
#include "vd/clock.h"
#include "vd/file.h"

static const double inference_edges[] = { .005, .01, .02, .03, .05, .075, .1, .15,
                                          .2,   .3,  .5,  .75, 1,   2,    5 };

void figures_init(lane *l)
{
    vd_histogram_init(&l->inference, inference_edges, VD_COUNT_OF(inference_edges));
}

typedef struct {
    vd_camera_status camera;
    vd_turns_stats turns;
} lane_figures;

static lane_figures figures_of(lane *l)
{
    lane_figures f;
    lane_status(l, &f.camera);
    vd_turns_get_stats(l->agent->turns, l->number, &f.turns);
    return f;
}

typedef double (*lane_figure)(const lane_figures *f);

static double up(const lane_figures *f)
{
    return f->camera.state == VD_CAMERA_LIVE;
}
static double fps(const lane_figures *f)
{
    return f->camera.fps;
}
static double pictures(const lane_figures *f)
{
    return (double)f->camera.pictures;
}
static double restarts(const lane_figures *f)
{
    return (double)f->camera.restarts;
}
static double analysed(const lane_figures *f)
{
    return (double)f->turns.looked;
}
static double stale(const lane_figures *f)
{
    return (double)f->turns.stale;
}

static double decoded(const lane_figures *f)
{
    return (double)f->camera.decoded;
}
static double skipped(const lane_figures *f)
{
    return (double)f->camera.skipped;
}
static double asleep(const lane_figures *f)
{
    return f->camera.gate == VD_GATE_ASLEEP;
}

static const struct {
    const char *name, *help;
    vd_metric_type type;
    lane_figure figure;
} per_camera[] = {
    { "vedette_agent_camera_up", "1 while the camera is live.", VD_METRIC_GAUGE, up },
    { "vedette_agent_camera_fps", "Pictures a second over the last seconds.", VD_METRIC_GAUGE,
      fps },
    { "vedette_agent_camera_pictures_total", "Pictures handed to the model.", VD_METRIC_COUNTER,
      pictures },
    { "vedette_agent_camera_decoded_total", "Pictures decoded, also for the gate alone.",
      VD_METRIC_COUNTER, decoded },
    { "vedette_agent_camera_skipped_total", "Packets that were never decoded.", VD_METRIC_COUNTER,
      skipped },
    { "vedette_agent_camera_asleep", "1 while only key pictures are decoded: nothing moves.",
      VD_METRIC_GAUGE, asleep },
    { "vedette_agent_camera_restarts_total", "Times the camera was opened again.",
      VD_METRIC_COUNTER, restarts },
    { "vedette_agent_camera_analysed_total", "Pictures the model looked at.", VD_METRIC_COUNTER,
      analysed },
    { "vedette_agent_camera_stale_total", "Pictures dropped because a newer one came.",
      VD_METRIC_COUNTER, stale },
};

static void camera_figures(agent *a, vd_metrics *m)
{
    VD_AUTO(lane_list) all = agent_lanes(a);
    for (unsigned k = 0; k < VD_COUNT_OF(per_camera); k++) {
        vd_metrics_family(m, per_camera[k].name, per_camera[k].type, per_camera[k].help);
        for (unsigned i = 0; i < all.count; i++) {
            lane_figures f = figures_of(all.lane[i]);
            vd_metrics_num(m, VD_LABELS("camera", all.lane[i]->config->id),
                           per_camera[k].figure(&f));
        }
    }
    wellness_figures(&all, m);
    vd_metrics_family(m, "vedette_agent_inference_seconds", VD_METRIC_HISTOGRAM,
                      "How long the model took for a picture, pre-processing included.");
    for (unsigned i = 0; i < all.count; i++)
        vd_metrics_histogram(m, VD_LABELS("camera", all.lane[i]->config->id),
                             &all.lane[i]->inference);
}

typedef double (*model_figure)(const vd_model_stats *s);

static double runs(const vd_model_stats *s)
{
    return (double)s->runs;
}
static double failures(const vd_model_stats *s)
{
    return (double)s->failures;
}
static double busy_seconds(const vd_model_stats *s)
{
    return (double)s->busy_us / 1e6;
}

static const struct {
    const char *name, *help;
    model_figure figure;
} per_model[] = {
    { "vedette_agent_model_runs_total", "Pictures and crops that a model was given.", runs },
    { "vedette_agent_model_failures_total", "Runs that failed.", failures },
    { "vedette_agent_model_seconds_total", "Time its runs took, pre-processing included.",
      busy_seconds },
};

/* Models go by the id that the configuration gives them, so that an update goes on where it was.
 * Two ids that stand for one file share its figures. */
typedef struct {
    const char *id;
    const vd_model *model;
} named_model;

static unsigned models_that_are_there(const agent *a, named_model into[AGENT_MODELS_MAX])
{
    unsigned count = 0;

    for (unsigned i = 0; i < a->config->model_count; i++) {
        const vd_model *model = i ? a->extra[i] : a->model;
        if (model) into[count++] = (named_model){ a->config->model[i].step.id, model };
    }
    return count;
}

static void model_counts(const named_model *all, unsigned count, vd_metrics *m)
{
    for (unsigned k = 0; k < VD_COUNT_OF(per_model); k++) {
        vd_metrics_family(m, per_model[k].name, VD_METRIC_COUNTER, per_model[k].help);
        for (unsigned i = 0; i < count; i++) {
            vd_model_stats s;
            vd_model_get_stats(all[i].model, &s);
            vd_metrics_num(m, VD_LABELS("model", all[i].id), per_model[k].figure(&s));
        }
    }
}

static void model_infos(const named_model *all, unsigned count, vd_metrics *m)
{
    vd_metrics_family(m, "vedette_agent_model_info", VD_METRIC_GAUGE,
                      "1 for each model that is there: its name, digest and what runs it.");
    for (unsigned i = 0; i < count; i++) {
        const vd_model *model = all[i].model;
        vd_why ignored;
        const char *provider = vd_provider_name(vd_model_provider(model, &ignored));
        vd_metrics_int(m,
                       VD_LABELS("model", all[i].id, "name", vd_model_name(model), "digest",
                                 vd_model_digest(model)->hex, "provider", provider),
                       1);
    }
}

static void model_figures(agent *a, vd_metrics *m)
{
    named_model all[AGENT_MODELS_MAX];

    pthread_mutex_lock(&a->lock); /* nobody takes a model away meanwhile */
    const unsigned count = models_that_are_there(a, all);
    model_counts(all, count, m);
    model_infos(all, count, m);
    pthread_mutex_unlock(&a->lock);
}

static void queue_figures(agent *a, vd_metrics *m)
{
    vd_outbox_stats s;
    vd_outbox_get_stats(a->outbox, &s);
    vd_metrics_family(m, "vedette_agent_queue_messages", VD_METRIC_GAUGE, "Messages waiting.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)s.waiting);
    vd_metrics_family(m, "vedette_agent_queue_files", VD_METRIC_GAUGE, "Evidence files waiting.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)s.waiting_blobs);
    vd_metrics_family(m, "vedette_agent_queue_bytes", VD_METRIC_GAUGE, "Disk the queue takes.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)s.bytes);
    vd_metrics_family(m, "vedette_agent_queue_oldest_seconds", VD_METRIC_GAUGE,
                      "Age of the message that waits longest.");
    vd_metrics_num(m, VD_NO_LABELS, (double)s.oldest_age_ms / 1e3);
    vd_metrics_family(m, "vedette_agent_queue_lost_total", VD_METRIC_COUNTER,
                      "Messages and files lost by the loss policy, over restarts.");
    vd_metrics_int(m, VD_LABELS("what", "quota"), (int64_t)s.dropped_quota);
    vd_metrics_int(m, VD_LABELS("what", "age"), (int64_t)s.dropped_age);
    vd_metrics_int(m, VD_LABELS("what", "file"), (int64_t)s.dropped_blobs);
    vd_metrics_family(m, "vedette_agent_queue_accepted_total", VD_METRIC_COUNTER,
                      "Messages accepted since the start.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)s.accepted);
    vd_metrics_family(m, "vedette_agent_disk_free_bytes", VD_METRIC_GAUGE,
                      "Room on the disk that holds the agent's state.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)vd_disk_free_bytes(a->config->state_dir));
}

static void history_figures(agent *a, vd_metrics *m)
{
    if (!a->history) return;
    vd_metrics_family(m, "vedette_agent_detections_lost_total", VD_METRIC_COUNTER,
                      "Pictures whose detections could not be kept for the replay of rules.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)vd_history_lost(a->history));
}

static void hub_figures(agent *a, vd_metrics *m)
{
    vd_device_status s = { 0 };
    if (a->link) vd_device_get_status(a->link, &s);
    vd_metrics_family(m, "vedette_agent_hub_connected", VD_METRIC_GAUGE,
                      "1 while the hub's link is up.");
    vd_metrics_int(m, VD_NO_LABELS, s.connected);
    vd_metrics_family(m, "vedette_agent_hub_sessions_total", VD_METRIC_COUNTER,
                      "Connections that the hub accepted.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)s.sessions);
    vd_metrics_family(m, "vedette_agent_hub_messages_total", VD_METRIC_COUNTER,
                      "Messages published (repeats included) and answered.");
    vd_metrics_int(m, VD_LABELS("what", "sent"), (int64_t)s.messages_sent);
    vd_metrics_int(m, VD_LABELS("what", "answered"), (int64_t)s.messages_acked);
    vd_metrics_family(m, "vedette_agent_hub_files_total", VD_METRIC_COUNTER,
                      "Evidence files that are whole at the hub, and attempts that failed.");
    vd_metrics_int(m, VD_LABELS("what", "sent"), (int64_t)s.blobs_sent);
    vd_metrics_int(m, VD_LABELS("what", "failed"), (int64_t)s.blob_errors);
}

static void local_figures(agent *a, vd_metrics *m)
{
    uint64_t scored = 0, busy = 0;
    if (a->port) vd_local_scored(a->port, &scored, &busy);
    vd_metrics_family(m, "vedette_agent_scored_total", VD_METRIC_COUNTER,
                      "Pictures of others that were scored, and told to come back.");
    vd_metrics_int(m, VD_LABELS("what", "scored"), (int64_t)scored);
    vd_metrics_int(m, VD_LABELS("what", "busy"), (int64_t)busy);
    vd_metrics_family(m, "vedette_agent_alerts_total", VD_METRIC_COUNTER,
                      "Local alerts delivered, attempts that failed, alerts given up.");
    for (unsigned i = 0; i < vd_alerts_count(a->alerts); i++) {
        vd_alert_status s;
        vd_alerts_get_status(a->alerts, i, &s);
        vd_metrics_int(m, VD_LABELS("alert", s.id, "what", "sent"), (int64_t)s.sent);
        vd_metrics_int(m, VD_LABELS("alert", s.id, "what", "failed"), (int64_t)s.failed);
        vd_metrics_int(m, VD_LABELS("alert", s.id, "what", "dropped"), (int64_t)s.dropped);
    }
}

void figures_fill(agent *a, vd_metrics *m)
{
    vd_metrics_process(m, "agent", a->started_utc_us);
    camera_figures(a, m);
    model_figures(a, m);
    yield_figures(a, m);
    queue_figures(a, m);
    history_figures(a, m);
    hub_figures(a, m);
    local_figures(a, m);
}
