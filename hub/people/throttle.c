/* throttle.c - counts wrong passwords in memory: a ring of the last failures, swept by age.
 * A restart forgets; guessing through restarts is slower than what is allowed anyway. */
#include "people.h"

#include <pthread.h>
#include <stdlib.h>

#include "vd/clock.h"

#define WINDOW_US 60000000ll

typedef struct {
    uint64_t who; /* hash of the kind and the name or address */
    int64_t at_us[VD_THROTTLE_FAILURES];
} row;

struct vd_throttle {
    pthread_mutex_t lock;
    row rows[VD_THROTTLE_ROWS];
};

static uint64_t who_of(char kind, const char *text)
{
    VD_AUTO(vd_buf) whole = VD_BUF(4096);
    uint8_t bytes[8];
    uint64_t who = 0;
    if (!vd_buf_addf(&whole, "%c%.2000s", kind, text)) return 1;
    vd_digest digest = vd_sha256(vd_buf_slice(&whole));
    if (!vd_hex_decode(vd_slice_of(digest.hex, 16), bytes, sizeof bytes)) return 1;
    memcpy(&who, bytes, sizeof who);
    return who ? who : 1;
}

vd_throttle *vd_throttle_new(void)
{
    vd_throttle *throttle = calloc(1, sizeof *throttle);
    if (throttle) pthread_mutex_init(&throttle->lock, NULL);
    return throttle;
}

vd_throttle *vd_throttle_free(vd_throttle *throttle)
{
    if (throttle) pthread_mutex_destroy(&throttle->lock);
    free(throttle);
    return NULL;
}

static int64_t newest(const row *r)
{
    int64_t at = 0;
    for (int n = 0; n < VD_THROTTLE_FAILURES; n++)
        if (r->at_us[n] > at) at = r->at_us[n];
    return at;
}

static int oldest(const row *r)
{
    int at = 0;
    for (int n = 1; n < VD_THROTTLE_FAILURES; n++)
        if (r->at_us[n] < r->at_us[at]) at = n;
    return at;
}

static row *find(vd_throttle *throttle, uint64_t who)
{
    for (size_t n = 0; n < VD_THROTTLE_ROWS; n++)
        if (throttle->rows[n].who == who) return &throttle->rows[n];
    return NULL;
}

static unsigned wait_s(vd_throttle *throttle, uint64_t who, int64_t now_us)
{
    const row *r = find(throttle, who);
    if (!r) return 0;
    int64_t first_us = r->at_us[oldest(r)]; /* 0 while there were fewer failures */
    if (first_us == 0 || first_us + WINDOW_US <= now_us) return 0;
    return (unsigned)((first_us + WINDOW_US - now_us) / 1000000) + 1;
}

static void count(vd_throttle *throttle, uint64_t who, int64_t now_us)
{
    row *r = find(throttle, who);
    if (!r) {
        r = &throttle->rows[0];
        for (size_t n = 1; n < VD_THROTTLE_ROWS; n++)
            if (newest(&throttle->rows[n]) < newest(r)) r = &throttle->rows[n];
        *r = (row){ .who = who };
    }
    r->at_us[oldest(r)] = now_us;
}

unsigned vd_throttle_try(vd_throttle *throttle, const char *name, const char *address)
{
    int64_t now_us = vd_clock_mono_us();
    uint64_t by_name = who_of('n', name), by_address = who_of('a', address);
    pthread_mutex_lock(&throttle->lock);
    unsigned name_s = wait_s(throttle, by_name, now_us);
    unsigned address_s = wait_s(throttle, by_address, now_us);
    unsigned longest_s = name_s > address_s ? name_s : address_s;
    if (!longest_s) {
        count(throttle, by_name, now_us);
        count(throttle, by_address, now_us);
    }
    pthread_mutex_unlock(&throttle->lock);
    return longest_s;
}

void vd_throttle_right(vd_throttle *throttle, const char *name, const char *address)
{
    pthread_mutex_lock(&throttle->lock);
    row *by_name = find(throttle, who_of('n', name));
    row *by_address = find(throttle, who_of('a', address));
    if (by_name) *by_name = (row){ 0 };
    for (int n = 0; by_address && n < VD_THROTTLE_FAILURES; n++) {
        if (by_address->at_us[n] != newest(by_address)) continue;
        by_address->at_us[n] = 0;
        break;
    }
    pthread_mutex_unlock(&throttle->lock);
}
