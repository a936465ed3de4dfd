/* record.c - the continuous recording: opened even when no camera is recorded now, so that what an
 * earlier configuration left keeps aging out. */
#include <stdio.h>

#include "agent_priv.h"

#define GB             1000000000ull
#define SEGMENT_MS     60000
#define QUEUE_MB_BYTES (32u << 20)

static vd_recording_limits limits_of(const agent_recording *r)
{
    return (vd_recording_limits){ .bytes_max = (uint64_t)r->max_gb * GB,
                                  .age_max_ms = r->max_age_ms };
}

vd_err recording_open(agent *a, vd_why *why)
{
    char dir[2048];
    const agent_config *c = a->config;
    const vd_recording_config config = {
        .dir = dir,
        .min_free_bytes = (uint64_t)c->recording_min_free_gb * GB,
        .fragment_ms = c->recording_fragment_ms,
        .segment_ms = SEGMENT_MS,
        .queue_bytes_max = QUEUE_MB_BYTES,
        .limits = limits_of(&c->recording),
    };

    int len = snprintf(dir, sizeof dir, "%s/recording", c->state_dir);
    if (len < 0 || (size_t)len >= sizeof dir)
        return vd_fail(why, VD_INVALID, "state_dir has too long a name");
    return vd_recording_new(&config, &a->recording, why);
}

vd_err recording_add(lane *l, vd_why *why)
{
    const vd_recording_limits limits = limits_of(&l->config->recording);

    return vd_recording_add(l->agent->recording, l->config->id, &limits, &l->recording, why);
}
