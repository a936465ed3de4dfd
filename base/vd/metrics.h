/* metrics.h - figures in Prometheus' text format 0.0.4, for all programs: families and samples into
 * a buffer, and a histogram that threads may feed.
 *
 *   vd_metrics m = vd_metrics_into(&text);
 *   vd_metrics_family(&m, "vedette_hub_incidents", VD_METRIC_GAUGE, "Incidents by state.");
 *   vd_metrics_int(&m, VD_LABELS("state", "open"), 3);
 *
 * Names end as the format wants it: counters in _total, and the unit (_seconds, _bytes) before. A
 * buffer that is full makes vd_metrics_end fail; nothing else does. */
#ifndef VD_METRICS_H
#define VD_METRICS_H
#include <pthread.h>

#include "vd/error.h"

#define VD_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

typedef enum { VD_METRIC_COUNTER, VD_METRIC_GAUGE, VD_METRIC_HISTOGRAM } vd_metric_type;
typedef struct {
    vd_buf *into;
    const char *family;
    bool failed;
} vd_metrics;
/* Label names and values in turn. Values may hold any text. */
#define VD_LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define VD_NO_LABELS   ((const char *const[]){ NULL })

vd_metrics vd_metrics_into(vd_buf *text);
/* Each family once; its samples follow. `help` is one line. */
void vd_metrics_family(vd_metrics *m, const char *name, vd_metric_type type, const char *help);
void vd_metrics_int(vd_metrics *m, const char *const *labels, int64_t value);
void vd_metrics_num(vd_metrics *m, const char *const *labels, double value);
/* VD_FULL when not all fitted. */
VD_MUST_USE vd_err vd_metrics_end(vd_metrics *m);

/* How long something took (or how large it was), in fixed steps. Any thread. */
#define VD_HISTOGRAM_EDGES_MAX 20
typedef struct {
    pthread_mutex_t lock;
    unsigned edge_count;
    double edges[VD_HISTOGRAM_EDGES_MAX];
    uint64_t counts[VD_HISTOGRAM_EDGES_MAX + 1];
    double sum;
} vd_histogram;
/* Edges rise. Lasts as long as its memory; nothing to release. */
void vd_histogram_init(vd_histogram *h, const double *edges, unsigned edge_count);
void vd_histogram_add(vd_histogram *h, double value);
/* Buckets, _sum and _count of one histogram into the open family. */
void vd_metrics_histogram(vd_metrics *m, const char *const *labels, vd_histogram *h);

/* What every program tells: version, start, memory, processor time, open files. `program` is
 * "agent", "hub", "trainer". */
void vd_metrics_process(vd_metrics *m, const char *program, int64_t started_utc_us);
#endif
