#include "rangecoder_priv.h"

#define BITS 11
#define MOVE 4
#define TOP  (1u << 24)

void rc_encoder_init(rc_encoder *e, vd_buf *into)
{
    *e = (rc_encoder){ .range = UINT32_MAX, .pending = 1, .into = into };
}

static void shift_low(rc_encoder *e)
{
    if (e->low < 0xff000000u || e->low > UINT32_MAX) {
        uint8_t carry = (uint8_t)(e->low >> 32), byte = e->cache;
        for (; e->pending; e->pending--, byte = 0xff)
            if (!vd_buf_add_byte(e->into, (uint8_t)(byte + carry))) e->failed = true;
        e->cache = (uint8_t)(e->low >> 24);
    }
    e->pending++;
    e->low = (e->low & 0x00ffffffu) << 8;
}

void rc_put(rc_encoder *e, rc_bit *model, unsigned bit)
{
    uint32_t bound = (e->range >> BITS) * *model;
    if (bit) {
        e->low += bound;
        e->range -= bound;
        *model = (rc_bit)(*model - (*model >> MOVE));
    } else {
        e->range = bound;
        *model = (rc_bit)(*model + (((1u << BITS) - *model) >> MOVE));
    }
    while (e->range < TOP) {
        e->range <<= 8;
        shift_low(e);
    }
}

void rc_put_even(rc_encoder *e, uint32_t value, unsigned bits)
{
    while (bits--) {
        e->range >>= 1;
        if (value >> bits & 1) e->low += e->range;
        while (e->range < TOP) {
            e->range <<= 8;
            shift_low(e);
        }
    }
}

bool rc_encoder_end(rc_encoder *e)
{
    for (int i = 0; i < 5; i++) shift_low(e);
    return !e->failed;
}

/* Behind the end stand zeros: a cut stream decodes to rubbish, which the digest finds. */
static uint8_t next_byte(rc_decoder *d)
{
    if (!d->rest.len) {
        d->beyond++;
        return 0;
    }
    uint8_t byte = d->rest.data[0];
    d->rest.data++;
    d->rest.len--;
    return byte;
}

void rc_decoder_init(rc_decoder *d, vd_slice bytes)
{
    *d = (rc_decoder){ .range = UINT32_MAX, .rest = bytes };
    for (int i = 0; i < 5; i++) d->code = d->code << 8 | next_byte(d);
}

static void refill(rc_decoder *d)
{
    while (d->range < TOP) {
        d->range <<= 8;
        d->code = d->code << 8 | next_byte(d);
    }
}

unsigned rc_take(rc_decoder *d, rc_bit *model)
{
    uint32_t bound = (d->range >> BITS) * *model;
    unsigned bit = d->code >= bound;
    if (bit) {
        d->code -= bound;
        d->range -= bound;
        *model = (rc_bit)(*model - (*model >> MOVE));
    } else {
        d->range = bound;
        *model = (rc_bit)(*model + (((1u << BITS) - *model) >> MOVE));
    }
    refill(d);
    return bit;
}

uint32_t rc_take_even(rc_decoder *d, unsigned bits)
{
    uint32_t value = 0;
    while (bits--) {
        d->range >>= 1;
        unsigned bit = d->code >= d->range;
        if (bit) d->code -= d->range;
        value = value << 1 | bit;
        refill(d);
    }
    return value;
}

void rc_put_tree(rc_encoder *e, rc_bit *tree, unsigned bits, unsigned symbol)
{
    unsigned node = 1;
    while (bits--) {
        unsigned bit = symbol >> bits & 1;
        rc_put(e, &tree[node], bit);
        node = node << 1 | bit;
    }
}

unsigned rc_take_tree(rc_decoder *d, rc_bit *tree, unsigned bits)
{
    unsigned node = 1;
    for (unsigned i = 0; i < bits; i++) node = node << 1 | rc_take(d, &tree[node]);
    return node - (1u << bits);
}
