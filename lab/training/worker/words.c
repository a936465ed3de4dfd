/* What the curves say to somebody who does not read curves. */
#include <math.h>

#include "learn_priv.h"

static unsigned least_val(const past *history, unsigned epochs)
{
    unsigned best = 1;
    for (unsigned i = 2; i <= epochs; i++)
        if (history[i].val < history[best].val) best = i;
    return best;
}

void learn_words(const past *history, unsigned epochs, unsigned best, unsigned planned,
                 bool detection, const trainer_listener *tell)
{
    const char *measure = detection ? "mAP50" : "accuracy";
    if (!epochs) return;
    unsigned least = least_val(history, epochs);
    const past *first = &history[1], *last = &history[epochs];
    bool falls = last->train < first->train * 0.97;
    bool rises = least < epochs && last->val > history[least].val * 1.03;
    plan_tell(tell, "validation %s %.3f before, %.3f with the numbers of epoch %u", measure,
              history[0].measure, history[best].measure, best);
    if (best == 0)
        plan_tell(tell,
                  "no epoch did better than the start model: its numbers are kept; label more "
                  "pictures, or try a tenth of the learning rate");
    if (epochs < planned)
        plan_tell(tell,
                  "stopped after epoch %u of %u: validation had not become better since "
                  "epoch %u",
                  epochs, planned, best);
    if (rises && last->train < history[least].train)
        plan_tell(tell,
                  "validation stopped falling at epoch %u while training went on: it begins to "
                  "remember the pictures; more pictures, or a larger share of frozen layers, help",
                  least);
    if (epochs > 1 && !falls)
        plan_tell(tell,
                  "training hardly fell (%.4g to %.4g): it learns too little; raise the "
                  "learning rate or freeze fewer layers",
                  first->train, last->train);
    if (epochs == planned && least == epochs && epochs > 1 && falls &&
        last->val < history[epochs - 1].val * 0.99)
        plan_tell(tell, "validation was still falling at the last epoch: more epochs may help");
}
