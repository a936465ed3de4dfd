/* ulid.h - ids that sort by time (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random
 * bits, 26 characters of Crockford base32. Within one millisecond the random part counts up, so ids
 * made by one process always rise, also when the wall clock steps back. Any thread. */
#ifndef VD_ULID_H
#define VD_ULID_H
#include "vd/slice.h"

#define VD_ULID_LEN 26
typedef struct {
    char text[VD_ULID_LEN + 1];
} vd_ulid;

vd_ulid vd_ulid_new(void);
/* Accepts upper case only, as we write it; the first character is at most '7'. */
VD_MUST_USE bool vd_ulid_parse(vd_slice text, vd_ulid *ret_id);
int64_t vd_ulid_utc_ms(const vd_ulid *id);
#endif
