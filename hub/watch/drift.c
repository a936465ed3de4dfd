#include "drift_priv.h"

#include <math.h>
#include <string.h>

#define DAY_US       86400000000ll
#define HOUR_US      3600000000ll
#define EVIDENCE_MAX 1e15

/* ---- Student's t ---- */

/* The continued fraction of the incomplete beta function, by Lentz' method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m <= 300; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int k = 0; k < 2; k++) {
            double term = k ? odd : even;
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            if (fabs(c) < tiny) c = tiny;
            fraction *= c * d;
        }
        if (fabs(c * d - 1) < 1e-12) break;
    }
    return fraction;
}

static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double drift_student(double t, double freedom)
{
    if (isinf(t)) return 0;
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

/* ---- the reference ---- */

typedef struct {
    unsigned count;
    double sum, sum2;
} moments;

static void add(moments *m, double value)
{
    m->count++;
    m->sum += value;
    m->sum2 += value * value;
}

static double mean_of(const moments *m)
{
    return m->sum / m->count;
}

static double deviation_of(const moments *m, double floor)
{
    double spread = (m->sum2 - m->sum * m->sum / m->count) / (m->count - 1.0);
    double deviation = spread > 0 ? sqrt(spread) : 0;
    return deviation > floor ? deviation : floor;
}

static int64_t time_of_day(const drift_point *p)
{
    int64_t middle = p->start_us + (p->end_us - p->start_us) / 2;
    return ((middle % DAY_US) + DAY_US) % DAY_US;
}

/* Each hour of the day with its neighbours, and all of them together in [24]. */
typedef struct {
    moments hour[25];
    bool by_hour;
    double origin; /* taken off first: large means must not swallow small deviations */
} profile;

static void profile_make(profile *f, const drift_point *reference, unsigned count)
{
    memset(f, 0, sizeof *f);
    f->origin = reference[0].value;
    for (unsigned i = 0; i < count; i++) {
        unsigned hour = (unsigned)(time_of_day(&reference[i]) / HOUR_US);
        for (unsigned k = 23; k <= 25; k++)
            add(&f->hour[(hour + k) % 24], reference[i].value - f->origin);
        add(&f->hour[24], reference[i].value - f->origin);
    }
    f->by_hour = true;
    for (unsigned h = 0; h < 24; h++) f->by_hour &= f->hour[h].count >= DRIFT_HOUR_LEAST;
}

static const moments *moments_at(const profile *f, const drift_point *p)
{
    return &f->hour[f->by_hour ? (unsigned)(time_of_day(p) / HOUR_US) : 24];
}

static double standard(const profile *f, const drift_point *p, double floor)
{
    const moments *m = moments_at(f, p);
    return (p->value - f->origin - mean_of(m)) / deviation_of(m, floor);
}

/* How much of a window's deviation stays in the next one, 0..0.95, and the deviation of what is
 * new. An estimate within its own error counts as none. */
static double memory_of(const profile *f, const drift_point *reference, unsigned count,
                        double floor, double *ret_new)
{
    double product = 0, square = 0, before = 0;
    unsigned pairs = 0;
    for (unsigned i = 0; i < count; i++) {
        double u = standard(f, &reference[i], floor);
        if (i && reference[i - 1].end_us == reference[i].start_us) {
            product += u * before;
            square += before * before;
            pairs++;
        }
        before = u;
    }
    *ret_new = 1;
    if (pairs < 8 || square <= 0) return 0;
    double memory = fmin(product / square, 0.95) - 1 / sqrt(pairs);
    if (memory <= 0) return 0;
    *ret_new = sqrt(fmax(1 - memory * memory, 0.05));
    return memory;
}

bool drift_judge(const drift_point *reference, unsigned count, const drift_point *now,
                 const drift_point *before, double floor, bool upwards, drift_verdict *ret_verdict)
{
    profile f;
    double fresh = 1;
    if (count < DRIFT_LEAST) return false;
    profile_make(&f, reference, count);
    const moments *m = moments_at(&f, now);
    double level = standard(&f, now, floor), wide = sqrt(1 + 1.0 / m->count);
    double innovation = level, memory = 0;
    if (before && before->end_us == now->start_us) {
        memory = memory_of(&f, reference, count, floor, &fresh);
        innovation = (level - memory * standard(&f, before, floor)) / fresh;
    }
    double freedom = fmin(m->count - 1.0 - (memory > 0), DRIFT_FREEDOM_MAX);
    if (upwards) innovation = fmax(innovation, 0);
    *ret_verdict = (drift_verdict){
        .p = drift_student(innovation / wide, freedom),
        .level_p = drift_student((upwards ? fmax(level, 0) : level) / wide, freedom),
        .shift = level,
        .mean = f.origin + mean_of(m),
        .deviation = deviation_of(m, floor),
    };
    return true;
}

/* ---- evidence ---- */

double drift_bet(double p)
{
    return p * DRIFT_BET_MAX * DRIFT_BET_MAX * 4 <= 1 ? DRIFT_BET_MAX : 0.5 / sqrt(p);
}

void drift_step(drift_detector *d, double p, int64_t start_us)
{
    double bet = drift_bet(p);
    if (d->page <= 1) d->since_us = start_us;
    d->page = fmin(fmax(d->page, 1) * bet, EVIDENCE_MAX);
    d->evidence = fmin((1 + d->evidence) * bet, EVIDENCE_MAX);
}

double drift_evidence(const drift_detector *d, unsigned count)
{
    double sum = 0;
    for (unsigned i = 0; i < count; i++) sum += d[i].evidence;
    return count ? sum / count : 0;
}
