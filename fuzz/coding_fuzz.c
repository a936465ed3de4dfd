/* Hex, base64, percent-encoding, UTF-8, digests: decoding takes exactly what encoding writes. */
#include "fuzz.h"
#include "vd/blob.h"

typedef bool (*coder)(vd_slice, vd_buf *);

static void there_and_back(vd_slice bytes, coder encode, coder decode)
{
    VD_AUTO(vd_buf) text = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) back = VD_BUF(1 << 20);
    if (!encode(bytes, &text)) return;
    fuzz_holds(decode(vd_buf_slice(&text), &back));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&back), bytes));
}

/* What base64 accepts has one text only. */
static void back_and_there(vd_slice text)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) again = VD_BUF(1 << 20);
    if (!vd_base64_decode(text, &bytes)) return;
    fuzz_holds(vd_base64_encode(vd_buf_slice(&bytes), &again));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&again), text));
}

static void utf8_steps(vd_slice text)
{
    size_t steps = 0;
    for (vd_slice rest = text; rest.len > 0; steps++) {
        size_t len = vd_utf8_len(rest);
        fuzz_holds(len <= 4 && len <= rest.len);
        if (len == 0) {
            fuzz_holds(!vd_slice_utf8_valid(text));
            return;
        }
        rest = vd_slice_from(rest, len);
    }
    fuzz_holds(vd_slice_utf8_valid(text) && steps <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_slice bytes = vd_slice_of(data, len);
    uint8_t some[8];
    VD_AUTO(vd_buf) out = VD_BUF(1 << 20);
    vd_digest digest;
    there_and_back(bytes, vd_base64_encode, vd_base64_decode);
    there_and_back(bytes, vd_url_encode, vd_url_decode);
    back_and_there(bytes);
    utf8_steps(bytes);
    if (vd_url_decode(bytes, &out)) fuzz_holds(out.len <= len);
    if (vd_hex_decode(bytes, some, sizeof(some))) fuzz_holds(len == 16);
    if (vd_digest_parse(bytes, &digest)) fuzz_holds(strlen(digest.hex) == VD_SHA256_HEX);
    return 0;
}
