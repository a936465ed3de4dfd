/* g10_outbox DIR WRITERS EVENTS - durable events per second through the agent's outbox: each writer
 * accepts its share one by one, and an accept returns when the event is on disk. */
#include <pthread.h>

#include "bench.h"
#include "outbox.h"

typedef struct {
    vd_outbox *outbox;
    unsigned events;
    unsigned writer;
} writer;

static void *write_events(void *arg)
{
    writer *w = arg;
    char camera[16];
    vd_event_box box = {
        .box = { 0.1f, 0.2f, 0.1f, 0.3f }, .score = 0.7, .class_name = "person", .track = 7
    };
    snprintf(camera, sizeof camera, "cam-%u", w->writer);
    for (unsigned i = 0; i < w->events; i++) {
        vd_why why = { 0 };
        vd_event event = { .id = vd_ulid_new(),
                           .revision = 1,
                           .phase = "start",
                           .device = "bench",
                           .camera = camera,
                           .kind = "zone",
                           .severity = "high",
                           .rule_id = "gate",
                           .rule_version = "0011223344556677",
                           .zone = "gate",
                           .start_utc_us = vd_clock_utc_us(),
                           .update_utc_us = vd_clock_utc_us(),
                           .time_source = "rtcp",
                           .track = 7,
                           .score = 0.7,
                           .score_min = 0.4,
                           .class_name = "person",
                           .model_name = "bench",
                           .box_count = 1,
                           .boxes = &box };
        memset(event.model_digest.hex, 'a', VD_SHA256_HEX);
        bench_need(vd_outbox_accept(w->outbox, &event, &why), &why);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { WRITERS_MAX = 256 };
    static writer writers[WRITERS_MAX];
    static pthread_t threads[WRITERS_MAX];
    vd_outbox_config config = { .dir = argc > 1 ? argv[1] : "",
                                .quota_bytes = 1ull << 33,
                                .max_age_ms = 86400000 };
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    unsigned events = argc > 3 ? (unsigned)atoi(argv[3]) : 100;
    vd_outbox *outbox = NULL;
    vd_why why = { 0 };

    if (count < 1 || count > WRITERS_MAX) return 2;
    bench_need(vd_outbox_open(&config, &outbox, &why), &why);
    int64_t start = vd_clock_mono_us();
    for (unsigned i = 0; i < count; i++) {
        writers[i] = (writer){ outbox, events / count, i };
        if (pthread_create(&threads[i], NULL, write_events, &writers[i]))
            bench_need(vd_fail(&why, VD_FULL, "writer %u cannot be started", i), &why);
    }
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
    double seconds = bench_seconds_since(start);
    vd_outbox_stats stats;
    vd_outbox_get_stats(outbox, &stats);
    const unsigned written = events / count * count;
    printf("{\"events\":%u,\"waiting\":%llu,\"per_second\":%.1f}\n", written,
           (unsigned long long)stats.waiting, (double)written / seconds);
    vd_outbox_free(outbox);
    return 0;
}
