/* delta.c - see vd/delta.h. Payload of kind 1: for each block of 256 bytes a mode, then its
 * symbols.
 *
 *   SAME    nothing
 *   BYTES   new - old of each byte, folded (0 -1 1 -2 2 ...), by how large the one before was
 *   FLOATS0..3  words beginning 0..3 bytes into the block: number of significant bits of the folded
 *               difference, its next two bits by model, the rest as it is; bytes at the ends as
 * BYTES PLAIN   new bytes by themselves */
#include "vd/delta.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <zstd.h>

#include "rangecoder_priv.h"

#define BLOCK      256u
#define PIECE      65536u
#define ZSTD_LEVEL 19

enum { KIND_PLAIN = 0, KIND_PLACES = 1, KIND_ZSTD = 2 };
enum { MODE_SAME, MODE_BYTES, MODE_FLOATS, MODE_PLAIN = MODE_FLOATS + 4, MODES = 8 };
static const char mark[4] = { 'V', 'D', 'D', '1' };

typedef struct {
    rc_bit mode[MODES][MODES]; /* by the mode before */
    rc_bit byte[4][256];       /* by the size of the byte before */
    rc_bit width[34][64];      /* of a folded word, by the one before */
    rc_bit head[34][4];        /* its two bits behind the first */
    rc_bit plain[256];
} models;

static void models_init(models *m)
{
    rc_bit *bit = (rc_bit *)m;
    for (size_t i = 0; i < sizeof *m / sizeof *bit; i++) bit[i] = RC_EVEN;
}

static uint8_t fold_byte(uint8_t now, uint8_t was)
{
    int8_t d = (int8_t)(uint8_t)(now - was);
    return (uint8_t)((unsigned)d << 1 ^ (unsigned)(d >> 7));
}

static uint8_t unfold_byte(uint8_t folded, uint8_t was)
{
    return (uint8_t)(was + (uint8_t)(folded >> 1 ^ -(folded & 1)));
}

/* Floats in the order of their values, so that a small change is a small difference. */
static uint32_t ordered(const uint8_t *at)
{
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void put_ordered(uint8_t *at, uint32_t value)
{
    uint32_t bits = value & 0x80000000u ? value & 0x7fffffffu : ~value;
    memcpy(at, &bits, sizeof bits);
}

static uint32_t fold_word(uint32_t now, uint32_t was)
{
    uint32_t d = now - was;
    return d << 1 ^ (0u - (d >> 31)); /* the sign goes to the lowest bit */
}

static uint32_t unfold_word(uint32_t folded, uint32_t was)
{
    return was + (folded >> 1 ^ (0u - (folded & 1)));
}

static unsigned width_of(uint32_t value)
{
    return value ? 32u - (unsigned)__builtin_clz(value) : 0;
}

static unsigned size_class(uint8_t folded)
{
    return folded == 0 ? 0 : folded < 3 ? 1 : folded < 16 ? 2 : 3;
}

/* ---- costs: a guess in bits, to choose a mode ---- */

static unsigned cost_of_bytes(const uint8_t *now, const uint8_t *was, size_t from, size_t to)
{
    unsigned cost = 0;
    for (size_t i = from; i < to; i++) {
        unsigned width = width_of(fold_byte(now[i], was[i]));
        cost += width ? width + 2 : 1;
    }
    return cost;
}

static unsigned cost_of_floats(const uint8_t *now, const uint8_t *was, size_t len, unsigned phase)
{
    size_t end = phase + (len - phase) / 4 * 4;
    unsigned cost = cost_of_bytes(now, was, 0, phase) + cost_of_bytes(now, was, end, len);
    for (size_t i = phase; i < end; i += 4)
        cost += width_of(fold_word(ordered(now + i), ordered(was + i))) + 2;
    return cost;
}

static unsigned choose_mode(const uint8_t *now, const uint8_t *was, size_t len)
{
    unsigned best = MODE_PLAIN, least = (unsigned)len * 8;
    if (!was) return MODE_PLAIN;
    if (memcmp(now, was, len) == 0) return MODE_SAME;
    unsigned cost = cost_of_bytes(now, was, 0, len);
    if (cost < least) least = cost, best = MODE_BYTES;
    if (cost < len * 4)
        return MODE_BYTES; /* floats that moved cost more: half their bytes are chance */
    for (unsigned phase = 0; phase < 4 && len >= 8; phase++) {
        cost = cost_of_floats(now, was, len, phase);
        if (cost < least) least = cost, best = MODE_FLOATS + phase;
    }
    return best;
}

/* ---- one block, in and out ---- */

typedef struct {
    models m;
    unsigned mode, size, width; /* of what came before */
} context;

static void put_bytes(rc_encoder *e, context *c, const uint8_t *now, const uint8_t *was,
                      size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        uint8_t folded = fold_byte(now[i], was[i]);
        rc_put_tree(e, c->m.byte[c->size], 8, folded);
        c->size = size_class(folded);
    }
}

static void put_word(rc_encoder *e, context *c, uint32_t folded)
{
    unsigned width = width_of(folded);
    rc_put_tree(e, c->m.width[c->width], 6, width);
    c->width = width;
    if (width < 2) return;
    unsigned left = width - 1, head = left < 2 ? left : 2;
    left -= head;
    rc_put_tree(e, c->m.head[width], head, folded >> left & ((1u << head) - 1));
    rc_put_even(e, folded & ((1u << left) - 1), left);
}

static void put_block(rc_encoder *e, context *c, const uint8_t *now, const uint8_t *was, size_t len)
{
    unsigned mode = choose_mode(now, was, len);
    rc_put_tree(e, c->m.mode[c->mode], 3, mode);
    c->mode = mode;
    if (mode == MODE_SAME) return;
    if (mode == MODE_PLAIN) {
        for (size_t i = 0; i < len; i++) rc_put_tree(e, c->m.plain, 8, now[i]);
        return;
    }
    size_t phase = mode == MODE_BYTES ? len : mode - MODE_FLOATS;
    size_t end = phase + (len - phase) / 4 * 4;
    put_bytes(e, c, now, was, 0, phase);
    for (size_t i = phase; i < end; i += 4)
        put_word(e, c, fold_word(ordered(now + i), ordered(was + i)));
    put_bytes(e, c, now, was, end, len);
}

static void take_bytes(rc_decoder *d, context *c, uint8_t *now, const uint8_t *was, size_t from,
                       size_t to)
{
    for (size_t i = from; i < to; i++) {
        uint8_t folded = (uint8_t)rc_take_tree(d, c->m.byte[c->size], 8);
        now[i] = unfold_byte(folded, was[i]);
        c->size = size_class(folded);
    }
}

static uint32_t take_word(rc_decoder *d, context *c)
{
    unsigned width = rc_take_tree(d, c->m.width[c->width], 6);
    if (width > 32) width = 32; /* only a damaged patch says so */
    c->width = width;
    if (width < 2) return width;
    unsigned left = width - 1, head = left < 2 ? left : 2;
    left -= head;
    uint32_t value = 1u << head | rc_take_tree(d, c->m.head[width], head);
    return left ? value << left | rc_take_even(d, left) : value;
}

/* False: the block needs an old one that is not there. */
static bool take_block(rc_decoder *d, context *c, uint8_t *now, const uint8_t *was, size_t len)
{
    unsigned mode = rc_take_tree(d, c->m.mode[c->mode], 3);
    c->mode = mode;
    if (mode == MODE_PLAIN) {
        for (size_t i = 0; i < len; i++) now[i] = (uint8_t)rc_take_tree(d, c->m.plain, 8);
        return true;
    }
    if (!was || (mode >= MODE_FLOATS && len < 8)) return false;
    if (mode == MODE_SAME) {
        memcpy(now, was, len);
        return true;
    }
    size_t phase = mode == MODE_BYTES ? len : mode - MODE_FLOATS;
    size_t end = phase + (len - phase) / 4 * 4;
    take_bytes(d, c, now, was, 0, phase);
    for (size_t i = phase; i < end; i += 4)
        put_ordered(now + i, unfold_word(take_word(d, c), ordered(was + i)));
    take_bytes(d, c, now, was, end, len);
    return true;
}

/* ---- whole patches ---- */

static void put_u64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t take_u64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool put_digest(uint8_t *at, vd_slice blob)
{
    vd_digest digest = vd_sha256(blob);
    return vd_hex_decode(vd_slice_of(digest.hex, VD_SHA256_HEX), at, 32);
}

static bool put_head(vd_buf *into, int kind, vd_slice old_blob, vd_slice new_blob)
{
    uint8_t head[VD_DELTA_HEAD] = { 0 };
    memcpy(head, mark, sizeof mark);
    head[4] = (uint8_t)kind;
    put_u64(head + 8, old_blob.len);
    put_u64(head + 16, new_blob.len);
    return put_digest(head + 24, old_blob) && put_digest(head + 56, new_blob) &&
           vd_buf_add(into, vd_slice_of(head, sizeof head));
}

static const uint8_t *old_at(vd_slice old_blob, size_t at, size_t len)
{
    return at + len <= old_blob.len ? old_blob.data + at : NULL;
}

/* False when it grew over its limit: then it is of no use. */
static bool make_places(vd_slice old_blob, vd_slice new_blob, vd_buf *into)
{
    context *c = calloc(1, sizeof *c);
    rc_encoder e;
    if (!c) return false;
    models_init(&c->m);
    rc_encoder_init(&e, into);
    for (size_t at = 0; at < new_blob.len && !e.failed; at += BLOCK) {
        size_t len = new_blob.len - at < BLOCK ? new_blob.len - at : BLOCK;
        put_block(&e, c, new_blob.data + at, old_at(old_blob, at, len), len);
    }
    free(c);
    return rc_encoder_end(&e);
}

static int window_of(size_t bytes)
{
    int log = 20;
    while (log < 30 && (1ull << log) < bytes) log++;
    return log;
}

/* Bytes of the frame in *into, 0 when it does not fit in `room`. */
static size_t make_zstd(vd_slice old_blob, vd_slice new_blob, void *into, size_t room)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (!z) return 0;
    size_t made = ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    int window = window_of(old_blob.len + new_blob.len);
    if (!ZSTD_isError(made)) made = ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window);
    if (!ZSTD_isError(made)) made = ZSTD_CCtx_setParameter(z, ZSTD_c_enableLongDistanceMatching, 1);
    if (!ZSTD_isError(made)) made = ZSTD_CCtx_refPrefix(z, old_blob.data, old_blob.len);
    if (!ZSTD_isError(made)) made = ZSTD_compress2(z, into, room, new_blob.data, new_blob.len);
    ZSTD_freeCCtx(z);
    return ZSTD_isError(made) ? 0 : made;
}

/* Places found a likeness when they took less than half: zstd is then not worth its time. */
static vd_err best_of(vd_slice old_blob, vd_slice new_blob, vd_buf *into, vd_why *why)
{
    VD_AUTO(vd_buf) places = VD_BUF(new_blob.len);
    bool likely = old_blob.len && make_places(old_blob, new_blob, &places);
    size_t room = likely ? places.len : new_blob.len, made = 0;
    void *other = NULL;
    if (!likely || places.len > new_blob.len / 2) {
        other = malloc(room + 1);
        made = other ? make_zstd(old_blob, new_blob, other, room) : 0;
    }
    int kind = made ? KIND_ZSTD : likely ? KIND_PLACES : KIND_PLAIN;
    bool good = put_head(into, kind, old_blob, new_blob);
    vd_slice payload = made ? vd_slice_of(other, made) : likely ? vd_buf_slice(&places) : new_blob;
    good = good && vd_buf_add(into, payload);
    free(other);
    return good ? VD_OK : vd_fail(why, VD_FULL, "the patch does not fit");
}

vd_err vd_delta_make(vd_slice old_blob, vd_slice new_blob, vd_buf *into, vd_why *why)
{
    if (new_blob.len > VD_DELTA_NEW_MAX || old_blob.len > VD_DELTA_NEW_MAX)
        return vd_fail(why, VD_FULL, "a patch is made for at most 1 GiB");
    return best_of(old_blob, new_blob, into, why);
}

static bool digest_at(const uint8_t *at, vd_digest *ret_digest)
{
    VD_AUTO(vd_buf) hex = VD_BUF(VD_SHA256_HEX + 1);
    return vd_hex_encode(vd_slice_of(at, 32), &hex) &&
           vd_digest_parse(vd_buf_slice(&hex), ret_digest);
}

vd_err vd_delta_look(vd_slice patch, vd_digest *ret_old, vd_digest *ret_new,
                     uint64_t *ret_new_bytes, vd_why *why)
{
    bool good = patch.len >= VD_DELTA_HEAD && memcmp(patch.data, mark, sizeof mark) == 0 &&
                patch.data[4] <= KIND_ZSTD && take_u64(patch.data + 16) <= VD_DELTA_NEW_MAX &&
                digest_at(patch.data + 24, ret_old) && digest_at(patch.data + 56, ret_new);
    if (!good) return vd_fail(why, VD_CORRUPT, "this is no patch of a model");
    *ret_new_bytes = take_u64(patch.data + 16);
    return VD_OK;
}

typedef struct {
    vd_err (*write)(void *ctx, vd_slice piece, vd_why *why);
    void *ctx;
    EVP_MD_CTX *sum;
} sink;

static vd_err emit(const sink *s, vd_slice bytes, vd_why *why)
{
    vd_err err = VD_OK;
    while (bytes.len && !err) {
        vd_slice piece = vd_slice_of(bytes.data, bytes.len < PIECE ? bytes.len : PIECE);
        if (EVP_DigestUpdate(s->sum, piece.data, piece.len) != 1)
            return vd_fail(why, VD_IO, "the new model cannot be hashed");
        err = s->write(s->ctx, piece, why);
        bytes = vd_slice_from(bytes, piece.len);
    }
    return err;
}

static vd_err damaged(vd_why *why)
{
    return vd_fail(why, VD_CORRUPT, "the patch is damaged");
}

static vd_err apply_places(vd_slice old_blob, vd_slice payload, uint64_t bytes, const sink *s,
                           vd_why *why)
{
    context *c = calloc(1, sizeof *c);
    uint8_t *piece = malloc(PIECE);
    vd_err err = c && piece ? VD_OK : vd_fail(why, VD_FULL, "there is no memory for a patch");
    rc_decoder d;
    size_t used = 0;
    if (!err) models_init(&c->m);
    rc_decoder_init(&d, payload);
    for (size_t at = 0; at < bytes && !err; at += BLOCK) {
        size_t len = bytes - at < BLOCK ? (size_t)(bytes - at) : BLOCK;
        /* a cut patch would go on for ever with zeros */
        if (d.beyond > 8 || !take_block(&d, c, piece + used, old_at(old_blob, at, len), len))
            err = damaged(why);
        used += len;
        if (err || (used + BLOCK <= PIECE && at + len < bytes)) continue;
        err = emit(s, vd_slice_of(piece, used), why);
        used = 0;
    }
    free(piece);
    free(c);
    return err;
}

static vd_err apply_zstd(vd_slice old_blob, vd_slice payload, uint64_t bytes, const sink *s,
                         vd_why *why)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    void *out = malloc((size_t)bytes + 1);
    vd_err err = z && out ? VD_OK : vd_fail(why, VD_FULL, "there is no memory for a patch");
    if (!err) {
        size_t got = ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 30);
        if (!ZSTD_isError(got)) got = ZSTD_DCtx_refPrefix(z, old_blob.data, old_blob.len);
        if (!ZSTD_isError(got))
            got = ZSTD_decompressDCtx(z, out, (size_t)bytes, payload.data, payload.len);
        if (ZSTD_isError(got) || got != bytes) err = damaged(why);
    }
    if (!err) err = emit(s, vd_slice_of(out, (size_t)bytes), why);
    ZSTD_freeDCtx(z);
    free(out);
    return err;
}

static vd_err apply_kind(vd_slice old_blob, vd_slice patch, uint64_t bytes, const sink *s,
                         vd_why *why)
{
    vd_slice payload = vd_slice_from(patch, VD_DELTA_HEAD);
    switch (patch.data[4]) {
    case KIND_PLACES: return apply_places(old_blob, payload, bytes, s, why);
    case KIND_ZSTD: return apply_zstd(old_blob, payload, bytes, s, why);
    default: return payload.len == bytes ? emit(s, payload, why) : damaged(why);
    }
}

vd_err vd_delta_apply(vd_slice old_blob, vd_slice patch,
                      vd_err (*write)(void *ctx, vd_slice piece, vd_why *why), void *ctx,
                      vd_why *why)
{
    vd_digest from, to, have = vd_sha256(old_blob), got;
    uint8_t mac[EVP_MAX_MD_SIZE];
    uint64_t bytes = 0;
    vd_err err = vd_delta_look(patch, &from, &to, &bytes, why);
    if (err) return err;
    if (take_u64(patch.data + 8) != old_blob.len || strcmp(from.hex, have.hex) != 0)
        return vd_fail(why, VD_CONFLICT, "the patch is for another old model");
    sink s = { .write = write, .ctx = ctx, .sum = EVP_MD_CTX_new() };
    bool ready = s.sum && EVP_DigestInit_ex(s.sum, EVP_sha256(), NULL) == 1;
    err = ready ? apply_kind(old_blob, patch, bytes, &s, why)
                : vd_fail(why, VD_FULL, "there is no memory for a patch");
    bool same = !err && EVP_DigestFinal_ex(s.sum, mac, NULL) == 1 && digest_at(mac, &got) &&
                strcmp(got.hex, to.hex) == 0;
    EVP_MD_CTX_free(s.sum);
    return err || same ? err : damaged(why);
}
