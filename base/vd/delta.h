/* delta.h - an exact patch from one blob to another, made for models: weights that moved a little.
 *
 * Blocks of the new blob are told by what differs from the same place of the old one: nothing,
 * single bytes, or 32-bit floats taken as whole numbers in the order of their size. The differences
 * go through an adaptive binary range coder (Martin, "Range encoding", 1979; the bit models of
 * LZMA). Where the two are not laid out alike, zstd with the old blob as its prefix is smaller and
 * is used instead; what neither helps travels as it is, so a patch is never larger than the new
 * blob and a header of VD_DELTA_HEAD bytes.
 *
 *   "VDD1"  kind u8 (0 as it is, 1 places, 2 zstd)  3 zero bytes  old bytes u64  new bytes u64
 *   old SHA-256 (32)  new SHA-256 (32)  payload          numbers little endian
 *
 * Any thread; blocking; nothing is kept. A patch is hostile until its digest at the end was right.
 */
#ifndef VD_DELTA_H
#define VD_DELTA_H
#include "vd/blob.h"

#define VD_DELTA_HEAD    88
#define VD_DELTA_NEW_MAX (1ull << 30)

/* Appends the patch to `into`. */
VD_MUST_USE vd_err vd_delta_make(vd_slice old_blob, vd_slice new_blob, vd_buf *into, vd_why *why);
/* Writes the new blob piece by piece, at most 64 KiB each, in order. VD_CONFLICT: the patch is for
 * another old blob, nothing was written. VD_CORRUPT: the patch is damaged; what was written is
 * rubbish. Memory: the old blob (it may be mapped), the patch and 1 MiB; for a patch of kind zstd
 * also the new blob. */
VD_MUST_USE vd_err vd_delta_apply(vd_slice old_blob, vd_slice patch,
                                  vd_err (*write)(void *ctx, vd_slice piece, vd_why *why),
                                  void *ctx, vd_why *why);
/* What a patch leads from and to; VD_CORRUPT when it is none. */
VD_MUST_USE vd_err vd_delta_look(vd_slice patch, vd_digest *ret_old, vd_digest *ret_new,
                                 uint64_t *ret_new_bytes, vd_why *why);
#endif
