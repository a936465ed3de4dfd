/* page.c - the status page: one file; its style and script are named by their digests in the
 * policy, so nothing else runs in it. */
#include <stdio.h>

#include "local_priv.h"

extern const char agent_status_page[];

/* What stands between `open` and `close` in the page. */
static vd_slice between(const char *open, const char *close)
{
    const char *from = strstr(agent_status_page, open);
    const char *to = from ? strstr(from, close) : NULL;

    if (!to) return VD_SLICE_NONE;
    from += strlen(open);
    return vd_slice_of(from, (size_t)(to - from));
}

static bool digest_text(vd_slice part, vd_buf *into)
{
    vd_digest digest = vd_sha256(part);
    uint8_t bytes[32];

    return part.len && vd_hex_decode(vd_slice_str(digest.hex), bytes, sizeof bytes) &&
           vd_base64_encode(vd_slice_of(bytes, sizeof bytes), into);
}

vd_err page_policy(char *into, size_t room, vd_why *why)
{
    VD_AUTO(vd_buf) style = VD_BUF(64);
    VD_AUTO(vd_buf) script = VD_BUF(64);

    if (!digest_text(between("<style>", "</style>"), &style) ||
        !digest_text(between("<script>", "</script>"), &script))
        return vd_fail(why, VD_CORRUPT, "the status page is damaged");
    int len = snprintf(into, room,
                       "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
                       "img-src 'self' blob: data:; connect-src 'self'; frame-ancestors 'none'",
                       style.data, script.data);
    return len > 0 && (size_t)len < room ? VD_OK : vd_fail(why, VD_FULL, "no room for the policy");
}

vd_err page_show(request *r, vd_why *why)
{
    if (answer_bytes(r, MHD_HTTP_OK, "text/html; charset=utf-8", vd_slice_str(agent_status_page)))
        return vd_fail(why, VD_IO, "no memory for the page");
    answer_header(r, "Content-Security-Policy", r->local->policy);
    return VD_OK;
}
