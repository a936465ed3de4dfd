/* drift_priv.h - does a window still look like the reference? With a stated rate of false alarms.
 *
 * One window gives one number per series (a mean, or a distance between mixes): pictures of one
 * hour are far from independent, so their number proves nothing; hours are what is compared.
 *
 *   1. Prediction. The reference's windows give mean and deviation, by time of day (an hour either
 *      side) once each hour has enough of them; neighbouring windows resemble each other, which a
 *      first-order autoregression takes out. The new window's studentised innovation is held
 *      against Student's t with at most DRIFT_FREEDOM_MAX degrees of freedom: fatter tails than a
 *      normal's are the rule here. A deviation below the series' floor counts as the floor:
 *      smaller changes never matter.
 *   2. Bet. e = 1 / (2 sqrt p), at most DRIFT_BET_MAX: on average at most 1 when nothing changed
 *      (Vovk and Wang, "E-values: calibration, combination and applications", 2021).
 *   3. Add up. R := (1 + R) e per series, and the camera's evidence is the mean of R over the
 *      series: an e-detector of Shiryaev-Roberts type (Shin, Ramdas, Rinaldo, "E-detectors", 2022).
 *      Whatever the number of series, when nothing changed it takes on average at least c windows
 *      until the evidence reaches c. No correction for many looks is needed; a single odd window
 *      can never raise an alarm, because of the bet's limit.
 *
 * The reference grows while nothing is found, up to DRIFT_REFERENCE_MAX, and then stands still:
 * dirt that comes slowly is measured against clean glass. A window joins DRIFT_LAG windows late, so
 * that a change is found before it can become the rule. drift_test.c measures the rates and the
 * delays. Pure functions, any thread. */
#ifndef VD_DRIFT_PRIV_H
#define VD_DRIFT_PRIV_H
#include <stdbool.h>
#include <stdint.h>

#define DRIFT_REFERENCE_MAX 336 /* windows: two weeks of hours */
#define DRIFT_LAG           12  /* windows */
#define DRIFT_FREEDOM_MAX   5.0
#define DRIFT_LEAST         4  /* windows a reference needs at the very least */
#define DRIFT_HOUR_LEAST    18 /* windows an hour (and its neighbours) needs to stand alone */
#define DRIFT_BET_MAX       1000.0
#define DRIFT_CALM_P        0.005 /* a window less likely than this differs by itself */

typedef struct {
    int64_t start_us, end_us;
    double value;
} drift_point;

typedef struct {
    double p;         /* of the innovation: for the bet */
    double level_p;   /* of the value itself, without its neighbour: is it back to normal? */
    double shift;     /* (value - mean) / deviation */
    double mean;      /* expected at this time of day */
    double deviation; /* between windows, floored */
} drift_verdict;

/* `before`: the window just before this one, or NULL. `upwards`: only larger values matter.
 * False when the reference has fewer than DRIFT_LEAST points. */
bool drift_judge(const drift_point *reference, unsigned count, const drift_point *now,
                 const drift_point *before, double floor, bool upwards, drift_verdict *ret_verdict);

typedef struct {
    double evidence; /* R */
    double page;     /* the same from the likeliest beginning only: Page's sum */
    int64_t since_us;
} drift_detector;
/* The window that begins at `start_us` was judged. */
void drift_step(drift_detector *d, double p, int64_t start_us);
/* The camera's evidence, to be held against c. */
double drift_evidence(const drift_detector *d, unsigned count);
double drift_bet(double p);
/* P(|T| >= t) with so many degrees of freedom. */
double drift_student(double t, double freedom);
#endif
