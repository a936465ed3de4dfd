/* fb_priv.h - reads FlatBuffers and FlexBuffers, trusting no offset.
 *
 *   table    int32 back to its vtable, then its fields
 *   vtable   uint16 bytes of itself, uint16 bytes of the table, uint16 place of each field (0:
 * absent) vector   uint32 count, then elements; text is a vector of bytes; what is not a number is
 * reached by a uint32 forward offset
 *
 * Every read is checked against the file. What points outside gives the fallback (0, empty, absent)
 * and marks the file as broken, so a caller reads a whole structure and asks once. Nothing is
 * copied; nothing here follows a cycle, because no call descends by itself. */
#ifndef VD_FB_PRIV_H
#define VD_FB_PRIV_H
#include "vd/slice.h"

typedef struct {
    vd_slice bytes;
    bool broken;
    size_t broken_at; /* the first place that pointed outside */
} fb_file;
typedef struct {
    fb_file *file;
    size_t at;     /* 0: absent; every read of an absent table gives its fallback */
    size_t vtable; /* both checked to lie in the file */
    unsigned vtable_bytes, bytes;
} fb_table;
typedef struct {
    fb_file *file;
    size_t at; /* of the first element */
    uint32_t count;
} fb_vector;

fb_table fb_root(fb_file *file);
bool fb_has(const fb_table *t, unsigned field);
/* `bytes` of the number in the file: 1, 2, 4 or 8. Signed; fb_u32 for what is not. */
int64_t fb_int(const fb_table *t, unsigned field, unsigned bytes, int64_t fallback);
uint32_t fb_u32(const fb_table *t, unsigned field, uint32_t fallback);
uint64_t fb_u64(const fb_table *t, unsigned field);
float fb_float(const fb_table *t, unsigned field);
fb_table fb_sub(const fb_table *t, unsigned field);
vd_slice fb_text(const fb_table *t, unsigned field);
/* All elements lie in the file, or the vector is empty. */
fb_vector fb_list(const fb_table *t, unsigned field, unsigned element_bytes);
/* Elements beyond the count are fallbacks too. */
fb_table fb_list_table(const fb_vector *v, uint32_t index);
int64_t fb_list_int(const fb_vector *v, uint32_t index, unsigned bytes);
float fb_list_float(const fb_vector *v, uint32_t index);

/* A FlexBuffer that is a map: the number (or truth) under `key`. False when it is not there or not
 * to be read. */
VD_MUST_USE bool flex_number(vd_slice map, const char *key, double *ret_number);
#endif
