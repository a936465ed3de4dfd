/* dice_priv.h - random numbers that are the same on every machine, from a seed and a purpose
 * (splitmix64). By value: a dice is its whole state. */
#ifndef VD_DICE_PRIV_H
#define VD_DICE_PRIV_H
#include <stdint.h>

typedef struct {
    uint64_t state;
} dice;

static inline uint64_t dice_next(dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline dice dice_of(uint64_t seed, uint64_t purpose)
{
    dice d = { seed * 0x9e3779b97f4a7c15u ^ purpose };
    (void)dice_next(&d);
    return d;
}

/* 0 <= x < 1, 24 bits */
static inline float dice_unit(dice *d)
{
    return (float)(dice_next(d) >> 40) * (1.0f / 16777216.0f);
}

static inline float dice_between(dice *d, float least, float most)
{
    return least + (most - least) * dice_unit(d);
}

/* 0 <= n < sides */
static inline uint64_t dice_roll(dice *d, uint64_t sides)
{
    return dice_next(d) % sides;
}
#endif
