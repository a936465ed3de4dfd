/* health.c - what must hold for a model to go on, each rule with its numbers. A rule that is not
 * sure says nothing: few verdicts never halt a rollout, and never prove it good either. */
#include <math.h>

#include "rollout_priv.h"

/* Errors: three pictures that could not be looked at, and more than one in fifty. */
#define ERRORS_LEAST 3
#define ERRORS_SHARE 50

/* False alarms: at least three verdicts since the switch, and the lower end of the one-sided 90 %
 * Wilson interval of their share lies above the former share plus the limit. The former share is
 * (false + 1) / (verdicts + 5): without any former verdict one in five is taken for usual. */
#define VERDICTS_LEAST 3
#define Z_90           1.2816
#define PRIOR_FALSE    1
#define PRIOR_VERDICTS 5

/* Silence: eight events in as long a time before, none since. Were nothing changed, that would
 * happen to fewer than one rollout in 2,900 (Poisson, e^-8). */
#define EVENTS_LEAST 8

vd_err health_device(const part *p, vd_why *why)
{
    if (p->errors < ERRORS_LEAST || p->errors * ERRORS_SHARE <= p->pictures) return VD_OK;
    return vd_fail(why, VD_CONFLICT, "%lld pictures could not be looked at", (long long)p->errors);
}

double health_wilson_low(int64_t hits, int64_t tries)
{
    double n = (double)tries, p, spread;

    if (tries <= 0) return 0;
    p = (double)hits / n;
    spread = Z_90 * sqrt(p * (1 - p) / n + Z_90 * Z_90 / (4 * n * n));
    return (p + Z_90 * Z_90 / (2 * n) - spread) / (1 + Z_90 * Z_90 / n);
}

vd_err health_false_alarms(const rollout_facts *f, double limit, vd_why *why)
{
    double former = (double)(f->former_false_alarms + PRIOR_FALSE) /
                    (double)(f->former_verdicts + PRIOR_VERDICTS);

    if (f->verdicts < VERDICTS_LEAST ||
        health_wilson_low(f->false_alarms, f->verdicts) <= former + limit)
        return VD_OK;
    return vd_fail(why, VD_CONFLICT,
                   "people call %lld of %lld alarms false, it was %lld of %lld before",
                   (long long)f->false_alarms, (long long)f->verdicts,
                   (long long)f->former_false_alarms, (long long)f->former_verdicts);
}

vd_err health_silence(const rollout_facts *f, vd_why *why)
{
    if (f->events || f->events_before < EVENTS_LEAST) return VD_OK;
    return vd_fail(why, VD_CONFLICT, "no event since the switch, %lld in as long a time before",
                   (long long)f->events_before);
}
