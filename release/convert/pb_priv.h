/* pb_priv.h - the wire form of protobuf, field by field. Reading never allocates and never leaves
 * the slice.
 */
#ifndef VD_PB_READ_PRIV_H
#define VD_PB_READ_PRIV_H
#include "vd/slice.h"

typedef struct {
    unsigned field, wire;
    uint64_t number; /* wire 0, 1, 5 */
    vd_slice bytes;  /* wire 2 */
    vd_slice whole;  /* tag and all, to be copied as it is */
} pb_field;

/* False at the first malformed byte; `rest` moves on. */
VD_MUST_USE bool pb_varint(vd_slice *rest, uint64_t *ret_value);
VD_MUST_USE bool pb_next(vd_slice *rest, pb_field *ret_field);

/* False when the buffer's limit or memory ends. */
bool pb_add_varint(vd_buf *into, uint64_t value);
bool pb_add_int(vd_buf *into, unsigned field, int64_t value);
bool pb_add_bytes(vd_buf *into, unsigned field, vd_slice bytes);
#endif
