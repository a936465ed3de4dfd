/* slice.h - borrowed bytes, passed by value.
 * A slice never owns what it points to; it is valid as long as its owner says.
 * Bytes are not NUL-terminated unless the source says so. */
#ifndef VD_SLICE_H
#define VD_SLICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VD_MUST_USE                __attribute__((warn_unused_result))
#define VD_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
/* Releases a local when it leaves its scope: VD_AUTO(vd_pool_ptr) p = ...; a type names its own
 * releaser with VD_AUTO_DEFINE(type, function taking type *). */
#define VD_AUTO(type) __attribute__((cleanup(vd_auto_##type))) type
#define VD_AUTO_DEFINE(type, release)                                                              \
    static inline void vd_auto_##type(type *thing)                                                 \
    {                                                                                              \
        release(thing);                                                                            \
    }
#define VD_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct {
    const uint8_t *data;
    size_t len;
} vd_slice;

#define VD_SLICE_NONE ((vd_slice){ 0 })
/* Only for string literals: the length is known at compile time. */
#define VD_STR(literal) ((vd_slice){ (const uint8_t *)("" literal ""), sizeof(literal) - 1 })

static inline vd_slice vd_slice_of(const void *data, size_t len)
{
    return (vd_slice){ (const uint8_t *)data, len };
}

/* NULL gives an empty slice. */
static inline vd_slice vd_slice_str(const char *text)
{
    return (vd_slice){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

static inline bool vd_slice_eq(vd_slice a, vd_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool vd_slice_starts(vd_slice text, vd_slice prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

/* Bytes [from, end); both are cut to the slice's length. */
vd_slice vd_slice_from(vd_slice text, size_t from);
/* Cuts at the first `mark`: *ret_rest is what follows it (empty if there is none); returns what
 * precedes. */
vd_slice vd_slice_cut(vd_slice text, uint8_t mark, vd_slice *ret_rest);
/* Whole text must be decimal digits within [0, max]. */
VD_MUST_USE bool vd_slice_u64(vd_slice text, uint64_t max, uint64_t *ret_value);
VD_MUST_USE bool vd_slice_utf8_valid(vd_slice text);
/* Bytes of the well-formed UTF-8 sequence that text starts with (1 to 4), 0 when there is none. */
size_t vd_utf8_len(vd_slice text);
/* Copies with a closing NUL; cuts to fit. Returns false if it had to cut. */
bool vd_slice_to_chars(vd_slice text, char *into, size_t room);

/* A growing byte buffer with a limit; owner: whoever declared it. Never holds more than `limit`
 * bytes. `data` is NUL-terminated after every successful call (the NUL is not counted). */
typedef struct {
    char *data;
    size_t len, room, limit;
} vd_buf;

#define VD_BUF(max_bytes) ((vd_buf){ .limit = (max_bytes) })
/* All return false, and leave the content as it was, when the limit would be passed or memory ends.
 */
bool vd_buf_add(vd_buf *buf, vd_slice bytes);
bool vd_buf_add_str(vd_buf *buf, const char *text);
bool vd_buf_addf(vd_buf *buf, const char *format, ...) VD_PRINTF(2, 3);
bool vd_buf_add_byte(vd_buf *buf, uint8_t byte);
/* Keeps the room for reuse. */
void vd_buf_clear(vd_buf *buf);
/* Removes `count` bytes from the front. */
void vd_buf_drop_front(vd_buf *buf, size_t count);
void vd_buf_done(vd_buf *buf);
static inline vd_slice vd_buf_slice(const vd_buf *buf)
{
    return vd_slice_of(buf->data, buf->len);
}
VD_AUTO_DEFINE(vd_buf, vd_buf_done)

/* Hex and base64 (RFC 4648, padded). Decoders refuse anything malformed. */
bool vd_hex_encode(vd_slice bytes, vd_buf *into);
VD_MUST_USE bool vd_hex_decode(vd_slice text, uint8_t *into, size_t need_bytes);
bool vd_base64_encode(vd_slice bytes, vd_buf *into);
VD_MUST_USE bool vd_base64_decode(vd_slice text, vd_buf *into);
/* RFC 3986 percent-encoding; everything but unreserved is encoded. '+' is not a space. */
bool vd_url_encode(vd_slice bytes, vd_buf *into);
VD_MUST_USE bool vd_url_decode(vd_slice text, vd_buf *into);
#endif
