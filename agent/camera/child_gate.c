/* child_gate.c - see child_gate_priv.h. The states:
 *
 *             learned, quiet for GATE_QUIET_US, not wanted, at a key packet
 *   AWAKE ------------------------------------------------------------------> ASLEEP
 *     ^                                                                         |
 *     +-------------- sizes louder, light moved, wanted ------------------------+ */
#include "child_gate_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_SOFTENER   64.f  /* bytes: below, sizes are headers more than picture */
#define STRAY_LEAST     0.06f /* an encoder as steady as a clock still has this much */
#define STRAY_NORMAL    1.4826f
#define LOUD_MOST       3.2f /* one packet alone is not enough, however large */
#define LOUD_DRIFT      0.8f
#define LOUD_SUM        6.f
#define LOUD_CALM       3.f /* up to here a stream is calm */
#define DULL_DEVIATIONS 1.5f
#define KNOWN_LEAST     3
#define LIGHT_LEAST     (3 * GATE_LIGHT_ONE)
#define LIGHT_TIMES     6
#define FLICKER_RISE    8
#define FLICKER_FALL    2
#define LIGHT_CELLS     3 /* so many moved cells are motion */
#define FAR_AGO_US      (-(INT64_C(1) << 60))

void gate_init(gate *g)
{
    memset(g, 0, sizeof *g);
    g->awake = true;
    g->wanted_us = FAR_AGO_US;
    g->key_us = g->light_us = FAR_AGO_US;
}

/* Of 1 to GATE_STRAYS values. */
static float median(const float *values, unsigned count)
{
    float sorted[GATE_STRAYS];
    sorted[0] = values[0];
    for (unsigned i = 1; i < count; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > values[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = values[i];
    }
    const unsigned above = count / 2, below = (count - 1) / 2;
    return (sorted[below] + sorted[above]) / 2;
}

/* The nearest place at or before this one that is known; -1: none. */
static int known_place(const gate *g)
{
    int place = (int)(g->place < GATE_PLACES ? g->place : GATE_PLACES - 1);
    while (place >= 1 && g->known[place] < KNOWN_LEAST) place--;
    return place >= 1 ? place : -1;
}

static void learn_size(gate *g, float size)
{
    const unsigned place = g->place < GATE_PLACES ? g->place : GATE_PLACES - 1;
    g->size[place][g->next[place]] = size;
    g->next[place] = (uint8_t)((g->next[place] + 1) % GATE_HISTORY);
    if (g->known[place] < GATE_HISTORY) g->known[place]++;
}

static void learn_stray(gate *g, float above)
{
    g->stray[g->stray_next] = fabsf(above);
    g->stray_next = (g->stray_next + 1) % GATE_STRAYS;
    if (g->stray_count < GATE_STRAYS) g->stray_count++;
}

static float spread_of(const gate *g)
{
    const float spread = g->stray_count ? STRAY_NORMAL * median(g->stray, g->stray_count) : 0;
    return fmaxf(spread, STRAY_LEAST);
}

/* How many deviations above usual; what is learned of it on the way. */
static float judge_size(gate *g, uint32_t bytes, bool learn)
{
    const float size = logf((float)bytes + SIZE_SOFTENER);
    const int place = known_place(g);
    float deviations = 0;
    if (place >= 0) {
        const float above = size - median(g->size[place], g->known[place]);
        deviations = above / spread_of(g);
        if (learn) learn_stray(g, above);
    }
    if (learn) learn_size(g, size);
    return deviations;
}

static float sum_next(float sum, float by)
{
    const float capped = fmaxf(fminf(by, LOUD_MOST), -LOUD_MOST);
    return fmaxf(0, fminf(sum + capped - LOUD_DRIFT, 2 * LOUD_SUM));
}

static void heed_size(gate *g, float deviations, int64_t at_us)
{
    if (g->louder <= 0) g->louder_since_us = at_us;
    g->louder = sum_next(g->louder, deviations);
    g->softer = sum_next(g->softer, -deviations);
    g->loudest = fmaxf(g->loudest, g->louder);
    if (g->louder > LOUD_SUM) g->moved_us = at_us;
}

/* How large, as a share of the picture, something must be to be noticed by sizes alone: it costs
 * about its share of a key picture's bytes where it moves, and must stand out of the stray. */
static void judge_sense(gate *g)
{
    const float usual = (float)g->group_bytes / (float)(g->place > 1 ? g->place - 1 : 1);
    g->dull = DULL_DEVIATIONS * spread_of(g) * usual / (float)(g->key_bytes ? g->key_bytes : 1);
}

static void heed_key(gate *g, uint32_t bytes, int64_t at_us)
{
    if (g->key_us != FAR_AGO_US) {
        if (g->group_learned) judge_sense(g);
        g->groups += g->group_learned;
        g->long_groups = at_us - g->key_us > GATE_GROUP_US || g->place < 2;
    }
    g->key_us = at_us;
    g->key_bytes = bytes;
    g->group_bytes = 0;
    g->place = 0;
    g->group_learned = true;
}

static bool may_sleep(const gate *g, int64_t at_us)
{
    return g->groups >= GATE_GROUPS && at_us - g->first_us >= GATE_LEARN_US && !g->long_groups &&
           g->softer <= LOUD_SUM && g->dull <= GATE_DULL && at_us - g->moved_us >= GATE_QUIET_US &&
           at_us > g->wanted_us;
}

static gate_word word(const gate *g, int64_t from_us)
{
    return (gate_word){ .awake = g->awake, .from_us = from_us };
}

gate_word gate_packet(gate *g, bool key, uint32_t bytes, int64_t at_us)
{
    if (!g->started) g->first_us = g->moved_us = at_us;
    g->started = true;
    g->place++;
    if (key) {
        heed_key(g, bytes, at_us);
        g->awake = g->awake ? !may_sleep(g, at_us) : g->dull > 2 * GATE_DULL;
        return word(g, at_us);
    }
    const bool learn = !g->awake || at_us > g->wanted_us;
    g->group_bytes += bytes;
    g->group_learned = g->group_learned && learn;
    heed_size(g, judge_size(g, bytes, learn), at_us);
    if (g->awake) return word(g, at_us);
    if (g->louder > LOUD_SUM || at_us - g->key_us > GATE_GROUP_US) g->awake = true;
    return word(g, g->louder_since_us);
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int middle(const int *values, unsigned count)
{
    int sorted[GATE_CELLS];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    return sorted[count / 2];
}

/* The usual difference: what four of five are below. It moves by small steps, so that one who walks
 * by does not become usual. */
static void learn_flicker(uint16_t *flicker, int by)
{
    if (by > *flicker)
        *flicker = (uint16_t)(*flicker + FLICKER_RISE);
    else
        *flicker = (uint16_t)(*flicker > FLICKER_FALL ? *flicker - FLICKER_FALL : 0);
}

static unsigned cells_moved(gate *g, const uint16_t *cells, bool learn)
{
    int by[GATE_CELLS] = { 0 };
    unsigned moved = 0;
    for (unsigned i = 0; i < g->cells; i++) by[i] = (int)cells[i] - (int)g->light[i];
    const int all = middle(by, g->cells);
    for (unsigned i = 0; i < g->cells; i++) {
        const int off = abs(by[i] - all);
        const int usual = LIGHT_TIMES * g->flicker[i];
        moved += off > (usual > LIGHT_LEAST ? usual : LIGHT_LEAST);
        if (learn) learn_flicker(&g->flicker[i], off);
    }
    return moved;
}

bool gate_wants_light(const gate *g)
{
    return g->key_us - g->light_us >= GATE_LOOK_US || g->loudest > LOUD_CALM ||
           g->dull > GATE_SHARP;
}

gate_word gate_light(gate *g, const uint16_t *cells, unsigned count)
{
    const int64_t before_us = g->light_us;
    const bool learn = !g->awake || g->key_us > g->wanted_us;
    const unsigned moved = count == g->cells ? cells_moved(g, cells, learn) : 0;
    if (count != g->cells) memset(g->flicker, 0, sizeof g->flicker);
    memcpy(g->light, cells, count * sizeof *cells);
    g->cells = count;
    g->light_us = g->key_us;
    g->loudest = g->louder;
    if (moved < LIGHT_CELLS) return word(g, g->key_us);
    g->awake = true;
    g->moved_us = g->key_us;
    return word(g, before_us);
}

gate_word gate_want(gate *g, int64_t until_us)
{
    if (until_us > g->wanted_us) g->wanted_us = until_us;
    if (!g->awake && g->wanted_us >= g->key_us) g->awake = true;
    return word(g, g->key_us);
}
