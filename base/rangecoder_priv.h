/* rangecoder_priv.h - adaptive binary range coder: a bit costs what it surprises. The encoder is
 * carry-less by byte counting, as LZMA's is; probabilities have 11 bits and move by 1/16. */
#ifndef VD_RANGECODER_PRIV_H
#define VD_RANGECODER_PRIV_H
#include "vd/slice.h"

typedef uint16_t rc_bit; /* probability of 0, of 2048 */
#define RC_EVEN 1024

typedef struct {
    uint64_t low;
    uint32_t range;
    uint64_t pending; /* bytes that wait for a carry */
    uint8_t cache;
    bool failed; /* the buffer is full */
    vd_buf *into;
} rc_encoder;

typedef struct {
    uint32_t range, code;
    vd_slice rest;
    unsigned beyond; /* bytes read behind the end */
} rc_decoder;

void rc_encoder_init(rc_encoder *e, vd_buf *into);
void rc_put(rc_encoder *e, rc_bit *model, unsigned bit);
void rc_put_even(rc_encoder *e, uint32_t value, unsigned bits); /* without a model */
VD_MUST_USE bool rc_encoder_end(rc_encoder *e);

void rc_decoder_init(rc_decoder *d, vd_slice bytes);
unsigned rc_take(rc_decoder *d, rc_bit *model);
uint32_t rc_take_even(rc_decoder *d, unsigned bits);

/* A symbol of `bits` bits through a tree of 1 << bits models, highest bit first. */
void rc_put_tree(rc_encoder *e, rc_bit *tree, unsigned bits, unsigned symbol);
unsigned rc_take_tree(rc_decoder *d, rc_bit *tree, unsigned bits);
#endif
