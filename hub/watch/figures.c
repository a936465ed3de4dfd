/* figures.c - the hub's figures for Prometheus that come from the store and the intake. */
#include "watch_priv.h"

static vd_err by_state(vd_store *store, const char *statement, vd_metrics *m, const char *name,
                       const char *help, vd_why *why)
{
    vd_err err;
    vd_stmt *rows = vd_store_stmt(store, statement);
    vd_metrics_family(m, name, VD_METRIC_GAUGE, help);
    while ((err = vd_stmt_row(rows, why)) == VD_OK)
        vd_metrics_int(m, VD_LABELS("state", vd_col_text(rows, 0)), vd_col_int(rows, 1));
    return err == VD_ABSENT ? VD_OK : err;
}

static void intake_figures(vd_intake *intake, vd_metrics *m)
{
    vd_intake_counts c = vd_intake_count(intake);
    vd_metrics_family(m, "vedette_hub_devices_connected", VD_METRIC_GAUGE, "Devices on the line.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)c.connections);
    vd_metrics_family(m, "vedette_hub_connects_refused_total", VD_METRIC_COUNTER,
                      "Connections of devices that were refused.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)c.connects_refused);
    vd_metrics_family(m, "vedette_hub_messages_total", VD_METRIC_COUNTER,
                      "Messages of devices on disk, by what became of them.");
    uint64_t other = c.messages - c.events - c.duplicates - c.refused;
    vd_metrics_int(m, VD_LABELS("what", "event"), (int64_t)c.events);
    vd_metrics_int(m, VD_LABELS("what", "duplicate"), (int64_t)c.duplicates);
    vd_metrics_int(m, VD_LABELS("what", "refused"), (int64_t)c.refused);
    vd_metrics_int(m, VD_LABELS("what", "other"), (int64_t)other);
    vd_metrics_family(m, "vedette_hub_messages_uncommitted", VD_METRIC_GAUGE,
                      "Messages on their way to the disk.");
    vd_metrics_int(m, VD_NO_LABELS, (int64_t)c.uncommitted);
}

static vd_err blob_figures(vd_store *store, vd_metrics *m, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "metrics_blobs");
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    vd_metrics_family(m, "vedette_hub_files", VD_METRIC_GAUGE, "Evidence files here.");
    vd_metrics_int(m, VD_NO_LABELS, vd_col_int(row, 0));
    vd_metrics_family(m, "vedette_hub_files_bytes", VD_METRIC_GAUGE, "Disk they take.");
    vd_metrics_int(m, VD_NO_LABELS, vd_col_int(row, 1));
    vd_stmt_finish(row);
    return VD_OK;
}

static vd_err lake_figures(vd_store *store, vd_metrics *m, vd_why *why)
{
    vd_stmt *row = vd_store_stmt(store, "lake_total_get");
    vd_err err = vd_stmt_row(row, why);
    if (err) return err;
    vd_metrics_family(m, "vedette_hub_lake_rows_total", VD_METRIC_COUNTER,
                      "Lines written to the lake.");
    vd_metrics_int(m, VD_NO_LABELS, vd_col_int(row, 1));
    vd_stmt_finish(row);
    return VD_OK;
}

vd_err vd_watch_figures(vd_store *store, vd_intake *intake, vd_metrics *m, vd_why *why)
{
    intake_figures(intake, m);
    vd_err err = by_state(store, "metrics_incidents", m, "vedette_hub_incidents",
                          "Incidents by state.", why);
    if (!err)
        err = by_state(store, "metrics_deliveries", m, "vedette_hub_deliveries",
                       "E-mails and webhooks by state.", why);
    if (!err)
        err = by_state(store, "metrics_watch", m, "vedette_hub_cameras_watched",
                       "Cameras by what the watch says of them.", why);
    if (!err)
        err = by_state(store, "metrics_runs", m, "vedette_hub_runs",
                       "Trainings and evaluations by state.", why);
    if (!err) err = blob_figures(store, m, why);
    return err ? err : lake_figures(store, m, why);
}
