#include "vd/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vd/program.h"

vd_metrics vd_metrics_into(vd_buf *text)
{
    return (vd_metrics){ .into = text };
}

static void put(vd_metrics *m, bool ok)
{
    m->failed = m->failed || !ok;
}

static void add(vd_metrics *m, const char *text)
{
    put(m, vd_buf_add_str(m->into, text));
}

void vd_metrics_family(vd_metrics *m, const char *name, vd_metric_type type, const char *help)
{
    static const char *const words[] = { "counter", "gauge", "histogram" };
    m->family = name;
    put(m, vd_buf_addf(m->into, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, words[type]));
}

static void add_value(vd_metrics *m, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') add(m, "\\");
        put(m, *text == '\n' ? vd_buf_add_str(m->into, "\\n")
                             : vd_buf_add_byte(m->into, (uint8_t)*text));
    }
}

/* NAME SUFFIX {labels,le="..."} ; le NULL: none. */
static void add_head(vd_metrics *m, const char *suffix, const char *const *labels, const char *le)
{
    const char *divider = "{";
    add(m, m->family);
    add(m, suffix);
    for (; labels[0]; labels += 2) {
        put(m, vd_buf_addf(m->into, "%s%s=\"", divider, labels[0]));
        add_value(m, labels[1]);
        add(m, "\"");
        divider = ",";
    }
    if (le) put(m, vd_buf_addf(m->into, "%sle=\"%s\"", divider, le));
    add(m, le || *divider == ',' ? "} " : " ");
}

static void add_num(vd_metrics *m, double value)
{
    if (isnan(value))
        add(m, "NaN\n");
    else if (isinf(value))
        add(m, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        put(m, vd_buf_addf(m->into, "%.15g\n", value));
}

void vd_metrics_int(vd_metrics *m, const char *const *labels, int64_t value)
{
    add_head(m, "", labels, NULL);
    put(m, vd_buf_addf(m->into, "%" PRId64 "\n", value));
}

void vd_metrics_num(vd_metrics *m, const char *const *labels, double value)
{
    add_head(m, "", labels, NULL);
    add_num(m, value);
}

vd_err vd_metrics_end(vd_metrics *m)
{
    return m->failed ? VD_FULL : VD_OK;
}

void vd_histogram_init(vd_histogram *h, const double *edges, unsigned edge_count)
{
    memset(h, 0, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    h->edge_count = edge_count;
    memcpy(h->edges, edges, edge_count * sizeof *edges);
}

void vd_histogram_add(vd_histogram *h, double value)
{
    unsigned bin = 0;
    while (bin < h->edge_count && value > h->edges[bin]) bin++;
    pthread_mutex_lock(&h->lock);
    h->counts[bin]++;
    h->sum += value;
    pthread_mutex_unlock(&h->lock);
}

void vd_metrics_histogram(vd_metrics *m, const char *const *labels, vd_histogram *h)
{
    uint64_t total = 0;
    char le[32];
    pthread_mutex_lock(&h->lock);
    for (unsigned i = 0; i <= h->edge_count; i++) {
        total += h->counts[i];
        if (i < h->edge_count)
            (void)snprintf(le, sizeof le, "%.15g", h->edges[i]);
        else
            (void)snprintf(le, sizeof le, "+Inf");
        add_head(m, "_bucket", labels, le);
        put(m, vd_buf_addf(m->into, "%" PRIu64 "\n", total));
    }
    add_head(m, "_sum", labels, NULL);
    add_num(m, h->sum);
    add_head(m, "_count", labels, NULL);
    put(m, vd_buf_addf(m->into, "%" PRIu64 "\n", total));
    pthread_mutex_unlock(&h->lock);
}

static int64_t resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    const char *resident = fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
    (void)fclose(file);
    return resident ? strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t open_files(void)
{
    int64_t count = -3; /* ".", "..", the folder itself */
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void vd_metrics_process(vd_metrics *m, const char *program, int64_t started_utc_us)
{
    struct rusage usage = { 0 };
    (void)getrusage(RUSAGE_SELF, &usage);
    vd_metrics_family(m, "vedette_build_info", VD_METRIC_GAUGE, "The program and its version.");
    vd_metrics_int(m, VD_LABELS("program", program, "version", vd_version), 1);
    vd_metrics_family(m, "process_start_time_seconds", VD_METRIC_GAUGE,
                      "When the program started, seconds since 1970.");
    vd_metrics_num(m, VD_NO_LABELS, (double)started_utc_us / 1e6);
    vd_metrics_family(m, "process_cpu_seconds_total", VD_METRIC_COUNTER,
                      "Processor time, user and system.");
    vd_metrics_num(m, VD_NO_LABELS, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    vd_metrics_family(m, "process_resident_memory_bytes", VD_METRIC_GAUGE, "Memory in use.");
    vd_metrics_int(m, VD_NO_LABELS, resident_bytes());
    vd_metrics_family(m, "process_open_fds", VD_METRIC_GAUGE, "Open files and sockets.");
    vd_metrics_int(m, VD_NO_LABELS, open_files());
}
