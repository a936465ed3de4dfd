/* ulid.c - 26 characters of 5 bits, most significant first: 10 of time (48 bits, the first
 * character holds only 3), 16 of chance (80 bits, counted up within a millisecond). */
#include "vd/ulid.h"
#include "vd/blob.h"
#include "vd/clock.h"

#include <pthread.h>
#include <unistd.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { CHANCE_BYTES = 10, TIME_CHARS = 10 };
static const int64_t last_ms_possible = (1LL << 48) - 1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t owner; /* a forked child must not count on from its parent's chance */
static int64_t last_ms;
static uint8_t chance[CHANCE_BYTES];

/* False when the counter has run around: the caller goes on in the next millisecond. */
static bool chance_count_up(void)
{
    for (size_t i = CHANCE_BYTES; i-- > 0;)
        if (++chance[i] != 0) return true;
    return false;
}

static void advance(void)
{
    int64_t now_ms = vd_clock_utc_us() / 1000;
    bool forked = owner != getpid();
    if (now_ms > last_ms_possible) now_ms = last_ms_possible;
    if (now_ms > last_ms || forked) {
        if (now_ms > last_ms) last_ms = now_ms;
        owner = getpid();
        vd_random(chance, sizeof(chance));
        chance[0] &= 0x7F; /* leaves room to count up */
        return;
    }
    if (!chance_count_up()) last_ms++;
}

static void write_time(int64_t ms, char *into)
{
    for (size_t i = TIME_CHARS; i-- > 0; ms >>= 5) into[i] = digits[ms & 31];
}

static void write_chance(const uint8_t *bytes, char *into)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < CHANCE_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5;) {
            have -= 5;
            *into++ = digits[bits >> have & 31];
        }
    }
}

vd_ulid vd_ulid_new(void)
{
    vd_ulid id = { 0 };
    pthread_mutex_lock(&lock);
    advance();
    write_time(last_ms, id.text);
    write_chance(chance, id.text + TIME_CHARS);
    pthread_mutex_unlock(&lock);
    return id;
}

bool vd_ulid_parse(vd_slice text, vd_ulid *ret_id)
{
    if (text.len != VD_ULID_LEN || text.data[0] > '7') return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\0' || !strchr(digits, text.data[i])) return false;
    return vd_slice_to_chars(text, ret_id->text, sizeof(ret_id->text));
}

int64_t vd_ulid_utc_ms(const vd_ulid *id)
{
    int64_t ms = 0;
    for (size_t i = 0; i < TIME_CHARS; i++) {
        const char *at = strchr(digits, id->text[i]);
        ms = ms << 5 | (at ? at - digits : 0);
    }
    return ms;
}
