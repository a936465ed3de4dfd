/* What a camera answers to a request for its pictures: the head is found where it ends, a sign-in
 * puts no line of its own into the next request, and the body comes out the same however the bytes
 * were cut. */
#include <string.h>

#include "child_web_priv.h"
#include "fuzz.h"

enum { LIMIT = 8192 };

typedef struct {
    uint8_t body[LIMIT];
    size_t len;
    bool broken, ended;
} seen;

/* All that can be had of `pending`; gives what is left there, which needs more bytes. */
static size_t drain(reply *head, vd_slice pending, seen *into)
{
    vd_slice part;
    do {
        const size_t before = pending.len;
        if (!reply_body(head, &pending, &part)) into->broken = true;
        fuzz_holds(pending.len + part.len <= before);
        if (part.len) memcpy(into->body + into->len, part.data, part.len);
        into->len += part.len;
    } while (!into->broken && part.len > 0 && pending.len > 0);
    into->ended = head->ended;
    return pending.len;
}

static void read_in_steps(reply head, vd_slice bytes, size_t step, seen *into)
{
    size_t from = 0; /* what is before it was taken */
    *into = (seen){ 0 };
    for (size_t at = 0; at < bytes.len && !into->broken && !head.ended;) {
        at += bytes.len - at < step ? bytes.len - at : step;
        from = at - drain(&head, vd_slice_of(bytes.data + from, at - from), into);
    }
}

static void sign_in(const reply *head)
{
    static const sign_who who = { "viewer", "s3cret", "/stream?a=1", "0123456789abcdef" };
    VD_AUTO(vd_buf) into = VD_BUF(16384);
    if (!sign_add(&head->offer, &who, &into)) return;
    fuzz_holds(into.len > 0);
    fuzz_holds(!memchr(into.data, '\n', into.len) && !memchr(into.data, '\r', into.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static seen whole, cut;
    reply head;
    const vd_slice bytes = vd_slice_of(data, len < LIMIT ? len : LIMIT);
    const size_t head_len = reply_head_len(bytes);
    fuzz_holds(head_len <= bytes.len);
    if (!head_len || !reply_read(vd_slice_of(data, head_len), &head)) return 0;
    fuzz_holds(head.status >= 100 && head.status <= 999);
    sign_in(&head);
    read_in_steps(head, vd_slice_from(bytes, head_len), LIMIT, &whole);
    read_in_steps(head, vd_slice_from(bytes, head_len), 7, &cut);
    fuzz_holds(whole.broken == cut.broken && whole.ended == cut.ended);
    fuzz_holds(whole.len == cut.len && memcmp(whole.body, cut.body, cut.len) == 0);
    return 0;
}
