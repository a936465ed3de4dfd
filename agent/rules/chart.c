/* The formulas are in rules.h. */
#include <math.h>

#include "inspection_priv.h"

void chart_start(chart *c, const vd_chart_config *config)
{
    *c = (chart){ .rate = -1 };
    if (config->baseline < 0) return;
    c->learned = VD_CHART_LEARN;
    c->p0 = c->ewma = (double)config->baseline;
}

static void learn(chart *c)
{
    c->learn_n += c->n;
    c->learn_failed += c->failed;
    if (++c->learned < VD_CHART_LEARN) return;
    c->p0 = c->ewma = (c->learn_failed + 0.5) / (c->learn_n + 1.0);
}

static void plot(chart *c, const vd_chart_config *config)
{
    double lambda = (double)config->lambda;
    double deviation = sqrt(c->p0 * (1 - c->p0) / c->n);
    c->samples++;
    c->ewma = lambda * c->rate + (1 - lambda) * c->ewma;
    c->p_limit = c->p0 + (double)config->sigma * deviation;
    c->z_limit = c->p0 + (double)config->width * deviation *
                             sqrt(lambda / (2 - lambda) * (1 - pow(1 - lambda, 2.0 * c->samples)));
}

bool chart_add(chart *c, const vd_chart_config *config, bool failed)
{
    if (config->sample == 0) return false;
    c->n++;
    c->failed += failed;
    if (c->n < config->sample) return false;
    c->rate = (double)c->failed / c->n;
    if (c->learned < VD_CHART_LEARN)
        learn(c);
    else
        plot(c, config);
    c->n = c->failed = 0;
    return true;
}

bool chart_p_out(const chart *c)
{
    return c->samples && c->rate > c->p_limit;
}

bool chart_ewma_out(const chart *c)
{
    return c->samples && c->ewma > c->z_limit;
}
